from __future__ import annotations

import pytest
from ictcore_service_sms.plugin import SmsService

from ictcore.spec import ServiceType
from ictcore.testing.suites.service import ServiceSuite


class TestSms(ServiceSuite):
    addresses = ("+44 20 7183 8750", "02071838750", "60777")

    @pytest.fixture
    def service_type(self) -> ServiceType:
        return SmsService()
