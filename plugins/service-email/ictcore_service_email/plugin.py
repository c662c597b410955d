"""The service ``email`` and its settings."""

from __future__ import annotations

from collections.abc import Sequence

from ictcore.spec import EMAIL, FLAGS, MESSAGES, RetryPolicy, ServiceType, Setting, Settings, hookimpl
from ictcore_service_email import address as addresses

REPORT_TIMEOUT = Setting(
    "email",
    "report_timeout",
    float,
    5 * 86400.0,
    "How long a bounce or delivery report of a mail is waited for; then its attempt is uncertain. Mail servers try for"
    " five days (RFC 5321, section 4.5.4.1).",
    unit="seconds",
    minimum=1.0,
)
RESEND_UNCERTAIN = Setting(
    "email",
    "resend_uncertain",
    bool,
    False,
    "Send a mail again when it may have left and nobody knows. It has the same Message-ID, so many mail programs show"
    " it once; some show it twice.",
)


class EmailService(ServiceType):
    """Mail to mailboxes."""

    name = EMAIL
    flag = FLAGS[EMAIL]
    address_field = "email"

    def __init__(
        self,
        report_timeout: float = REPORT_TIMEOUT.default,
        resend_uncertain: bool = RESEND_UNCERTAIN.default,
        retry: RetryPolicy = MESSAGES,
    ) -> None:
        self.report_timeout = report_timeout
        self.resend_uncertain = resend_uncertain
        self.retry = retry

    def normalize(self, address: str, country: str) -> str:
        """See :func:`ictcore_service_email.address.normalize`; ``country`` changes nothing."""
        return addresses.normalize(address)


class EmailPlugin:
    """What the entry point names."""

    def __init__(self) -> None:
        self._service = EmailService()

    @hookimpl
    def ictcore_register_settings(self) -> Sequence[Setting]:
        """The section ``email``."""
        return [REPORT_TIMEOUT, RESEND_UNCERTAIN]

    @hookimpl
    def ictcore_configure(self, settings: Settings) -> None:
        """Take the time limit and the choice to send again."""
        self._service = EmailService(settings[REPORT_TIMEOUT.key], settings[RESEND_UNCERTAIN.key])

    @hookimpl
    def ictcore_register_services(self) -> Sequence[ServiceType]:
        """The service."""
        return [self._service]


plugin = EmailPlugin()
