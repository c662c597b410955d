"""What a service plugin registers: a kind of communication."""

from __future__ import annotations

from typing import Protocol

from ictcore.domain.retry import RetryPolicy


class ServiceType(Protocol):
    """A service: what its addresses look like and how its failures are retried."""

    name: str
    """``voice``, ``fax``, ``sms`` or ``email``."""
    flag: int
    """ICTCore's service flag: voice 1, fax 2, sms 4, email 8."""
    address_field: str
    """Field of contacts and accounts that holds its address: ``phone`` or ``email``."""
    retry: RetryPolicy
    report_timeout: float
    """Seconds after submission until an attempt without a final report becomes ``uncertain``."""
    resend_uncertain: bool
    """Whether an attempt that may have left may be sent again with the same correlation id (a setting)."""

    def normalize(self, address: str, country: str) -> str:
        """The one form in which an address is stored and compared.

        :param address: as a person wrote it; never empty.
        :param country: ISO 3166 code for national numbers, ``""`` when there is none.
        :raises InvalidInput: it cannot be an address of this service; the message says why.
        """
        ...

    def normalize_source(self, address: str, country: str) -> str:
        """The same for our own side, which may be more than an address: an SMS may come from a name.

        Services where it may not be so inherit this.

        :raises InvalidInput: it can be no sender of this service; the message says why.
        """
        return self.normalize(address, country)
