from __future__ import annotations

from ictcore_service_sms.plugin import REPORT_TIMEOUT, SmsPlugin

from ictcore.spec import MESSAGES
from ictcore.testing import StaticSettings


def test_service_has_the_contract_values() -> None:
    (service,) = SmsPlugin().ictcore_register_services()
    assert (service.name, service.flag, service.address_field) == ("sms", 4, "phone")
    assert service.retry == MESSAGES
    assert service.report_timeout == 172_800
    assert service.resend_uncertain is False


def test_report_timeout_is_a_setting() -> None:
    plugin = SmsPlugin()
    plugin.ictcore_configure(StaticSettings(plugin.ictcore_register_settings(), {REPORT_TIMEOUT.key: 60.0}))
    assert plugin.ictcore_register_services()[0].report_timeout == 60.0
