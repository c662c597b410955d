"""A carrier in a box: voice, fax, SMS and e-mail on one machine, with outcomes chosen by the address."""
