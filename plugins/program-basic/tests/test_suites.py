from __future__ import annotations

from types import MappingProxyType

import pytest
from ictcore_program_basic.receive import ReceiveEmail, ReceiveSms
from ictcore_program_basic.sendemail import SendEmail
from ictcore_program_basic.sendsms import SendSms

from ictcore.spec import ProgramType
from ictcore.testing.suites.program import ProgramSuite


class TestSendSms(ProgramSuite):
    good = ({"text_id": 1}, {"message": "Hi [contact:first_name]", "from": "ICT"})
    bad = MappingProxyType({"text_id": ({}, {"text_id": "x"}), "message": ({"message": ""}, {"message": "\x00"})})
    rows = MappingProxyType({"text_id": {"data": "Dear [contact:first_name] [contact:last_name]"}})

    @pytest.fixture
    def program_type(self) -> ProgramType:
        return SendSms()


class TestSendEmail(ProgramSuite):
    good = (
        {"template_id": 1, "from_name": "[contact:first_name]"},
        {"subject": "Hi [contact:first_name]", "body": "<p>[contact:last_name]</p>", "body_alt": "[contact:email]"},
    )
    bad = MappingProxyType(
        {"template_id": ({},), "subject": ({"subject": "a\nb"},), "from": ({"subject": "x", "from": "y"},)}
    )
    rows = MappingProxyType(
        {
            "template_id": {
                "subject": "[contact:first_name]",
                "body": "<i>[contact:first_name]</i>",
                "body_alt": None,
                "attachments": [{"name": "a", "content_type": "text/plain", "digest": "0" * 64, "size": 1}],
            }
        }
    )

    @pytest.fixture
    def program_type(self) -> ProgramType:
        return SendEmail()


class TestReceiveSms(ProgramSuite):
    good = ({"account_id": 1, "keyword": "stop"}, {"phone": "60777"})
    bad = MappingProxyType({"account_id": ({},), "keyword": ({"account_id": 1, "keyword": "a b"},)})
    rows = MappingProxyType({"account_id": {"phone": "+442071838750"}})

    @pytest.fixture
    def program_type(self) -> ProgramType:
        return ReceiveSms()


class TestReceiveEmail(ProgramSuite):
    good = ({"account_id": 1}, {"email": "a@example.com"})
    bad = MappingProxyType({"account_id": ({},)})
    rows = MappingProxyType({"account_id": {"email": "shop@example.com"}})

    @pytest.fixture
    def program_type(self) -> ProgramType:
        return ReceiveEmail()
