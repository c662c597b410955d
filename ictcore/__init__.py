"""ICTCore for Python: voice, fax, SMS and e-mail through telephony gateways, by one REST API."""

__version__ = "0.1.0"
