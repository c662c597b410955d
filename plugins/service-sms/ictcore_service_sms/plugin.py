"""The service ``sms`` and its settings."""

from __future__ import annotations

from collections.abc import Sequence

from ictcore.spec import FLAGS, MESSAGES, SMS, RetryPolicy, ServiceType, Setting, Settings, hookimpl
from ictcore_service_sms import number

REPORT_TIMEOUT = Setting(
    "sms",
    "report_timeout",
    float,
    48 * 3600.0,
    "How long the delivery report of a text is waited for; then its attempt is uncertain.",
    unit="seconds",
    minimum=1.0,
)


class SmsService(ServiceType):
    """Short messages to telephones."""

    name = SMS
    flag = FLAGS[SMS]
    address_field = "phone"
    resend_uncertain = False
    """Always: an SMSC does not know our ids, so a text sent again would arrive again."""

    def __init__(self, report_timeout: float = REPORT_TIMEOUT.default, retry: RetryPolicy = MESSAGES) -> None:
        self.report_timeout = report_timeout
        self.retry = retry

    def normalize(self, address: str, country: str) -> str:
        """E.164 with ``+``, or digits: see :func:`ictcore_service_sms.number.destination`."""
        return number.destination(address, country)

    def normalize_source(self, address: str, country: str) -> str:
        """As :meth:`normalize`, and sender names too: see :func:`ictcore_service_sms.number.source`."""
        return number.source(address, country)


class SmsPlugin:
    """What the entry point names."""

    def __init__(self) -> None:
        self._service = SmsService()

    @hookimpl
    def ictcore_register_settings(self) -> Sequence[Setting]:
        """The section ``sms``."""
        return [REPORT_TIMEOUT]

    @hookimpl
    def ictcore_configure(self, settings: Settings) -> None:
        """Take the time limit."""
        self._service = SmsService(settings[REPORT_TIMEOUT.key])

    @hookimpl
    def ictcore_register_services(self) -> Sequence[ServiceType]:
        """The service."""
        return [self._service]


plugin = SmsPlugin()
