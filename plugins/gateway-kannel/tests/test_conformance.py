"""The core's conformance suite: both transports, each against a scripted far side and a real Kannel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from ictcore_gateway_kannel.config import SETTINGS
from ictcore_gateway_kannel.plugin import KannelType
from ictcore_gateway_kannel.testing import FakeBearerbox, FakeSmsbox

from ictcore.spec import GatewayType, Setting, Trunk
from ictcore.testing.far_side import FarSide
from ictcore.testing.servers import free_port
from ictcore.testing.suites.gateway import GatewaySuite

TOKEN = "conformance-token-0123456789"
QUICK = {"kannel.timeout": 1.0, "kannel.admin_port": 0, "kannel.callback_token": TOKEN}


class Conformance(GatewaySuite):
    @pytest.fixture
    def gateway_type(self) -> GatewayType:
        return KannelType()

    @pytest.fixture
    def declared_settings(self) -> Sequence[Setting]:
        return SETTINGS

    @pytest.fixture
    def trunk(self, far_side: FarSide) -> Trunk:
        return Trunk(id=1, name="fake", type="link", services=frozenset({"sms"}))


class TestBoxAgainstScript(Conformance):
    @pytest.fixture
    def far_side(self) -> Iterator[FakeBearerbox]:
        server = FakeBearerbox()
        server.start()
        yield server
        server.stop()

    @pytest.fixture
    def setting_values(self, far_side: FakeBearerbox) -> Mapping[str, Any]:
        return {**QUICK, "kannel.box_port": far_side.port, "kannel.password": "not-told-to-anybody"}


class TestHttpAgainstScript(Conformance):
    refuses_inbound = False

    @pytest.fixture
    def callback_port(self) -> int:
        return free_port()

    @pytest.fixture
    def far_side(self, callback_port: int) -> Iterator[FakeSmsbox]:
        server = FakeSmsbox(f"http://127.0.0.1:{callback_port}/{TOKEN}/mo")
        server.start()
        yield server
        server.stop()

    @pytest.fixture
    def setting_values(self, far_side: FakeSmsbox, callback_port: int) -> Mapping[str, Any]:
        return {
            **QUICK,
            "kannel.transport": "http",
            "kannel.sendsms_port": far_side.port,
            "kannel.listen_port": callback_port,
            "kannel.connections": 8,
            "kannel.password": "not-told-to-anybody",
        }
