from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from ictcore_gateway_example.fake_carrier import FakeCarrier
from ictcore_gateway_example.plugin import SETTINGS, ExampleType

from ictcore.spec import GatewayType, Setting, Trunk
from ictcore.testing.suites.gateway import GatewaySuite

OURS, THEIRS = "our password", "their token"


class TestExample(GatewaySuite):
    service = "sms"

    @pytest.fixture
    def gateway_type(self) -> GatewayType:
        return ExampleType()

    @pytest.fixture
    def declared_settings(self) -> Sequence[Setting]:
        return SETTINGS

    @pytest.fixture
    def far_side(self) -> Iterator[FakeCarrier]:
        carrier = FakeCarrier(OURS, THEIRS)
        carrier.start()
        yield carrier
        carrier.stop()

    @pytest.fixture
    def trunk(self, far_side: FakeCarrier) -> Trunk:
        services = frozenset({"sms"})
        return Trunk(1, "carrier", "example", services, host="127.0.0.1", port=far_side.port, password=OURS)

    @pytest.fixture
    def setting_values(self, far_side: FakeCarrier) -> Mapping[str, Any]:
        return {
            "example.timeout": 0.5,
            "example.listen_port": far_side.events_port,
            "example.token": THEIRS,
        }
