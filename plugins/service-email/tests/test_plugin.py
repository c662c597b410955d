from __future__ import annotations

from ictcore_service_email.plugin import REPORT_TIMEOUT, RESEND_UNCERTAIN, EmailPlugin

from ictcore.spec import MESSAGES
from ictcore.testing import StaticSettings


def test_service_has_the_contract_values() -> None:
    (service,) = EmailPlugin().ictcore_register_services()
    assert (service.name, service.flag, service.address_field) == ("email", 8, "email")
    assert service.retry == MESSAGES
    assert service.report_timeout == 432_000
    assert service.resend_uncertain is False


def test_settings_are_taken() -> None:
    plugin = EmailPlugin()
    values = {REPORT_TIMEOUT.key: 60.0, RESEND_UNCERTAIN.key: True}
    plugin.ictcore_configure(StaticSettings(plugin.ictcore_register_settings(), values))
    (service,) = plugin.ictcore_register_services()
    assert (service.report_timeout, service.resend_uncertain) == (60.0, True)
