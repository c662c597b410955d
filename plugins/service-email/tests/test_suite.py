from __future__ import annotations

import pytest
from ictcore_service_email.plugin import EmailService

from ictcore.spec import ServiceType
from ictcore.testing.suites.service import ServiceSuite


class TestEmail(ServiceSuite):
    addresses = ("Ada@Example.com", "用户@例子.广告")

    @pytest.fixture
    def service_type(self) -> ServiceType:
        return EmailService()
