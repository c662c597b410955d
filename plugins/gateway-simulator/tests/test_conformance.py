from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ictcore_gateway_simulator.gateway import SimulatorGateway
from ictcore_gateway_simulator.journal import read
from ictcore_gateway_simulator.outcomes import BY_NAME
from ictcore_gateway_simulator.plugin import SETTINGS, SimulatorType

from ictcore.spec import Attempt, Gateway, GatewayContext, GatewayType, Receipt, Setting, Trunk
from ictcore.testing.suites.gateway import FarSide, GatewaySuite, Sent

_numbers = itertools.count(1)
WORDS = {"drop": "uncertain"}
"""The suite's word -> the row of the simulator's table."""


class Handed:
    """An inbound message; the simulator's far side is whoever calls ``receive``."""

    def __init__(self) -> None:
        self.acknowledged = False
        self.refused = False

    def settled(self, receipt: Receipt) -> None:
        self.refused = receipt.refusals[0] is not None
        self.acknowledged = not self.refused


class Inside(FarSide):
    """The simulator is its own far side: its journal tells what left, the address chooses what happens."""

    controls = frozenset({"reject", "throttle", "drop", "inbound"})

    def __init__(self, journal: Path, service: str) -> None:
        self.journal = journal
        self.service = service
        self.gateway: SimulatorGateway | None = None

    def reject(self) -> None:
        pass  # the address does it

    throttle = drop_before_reply = reject

    def sent(self) -> list[Sent]:
        return [
            Sent(destination=e.destination, text=e.text, source=e.source, subject=e.subject, html=e.html)
            for e in read(self.journal)
        ]

    def inbound(self, text: str, *, called: str, caller: str, key: str) -> Handed:
        handed = Handed()
        assert self.gateway is not None
        receive = self.gateway.receive

        def hand() -> None:
            receive(self.service, called=called, caller=caller, text=text, key=key).then(handed.settled)

        threading.Thread(target=hand).start()
        return handed


class Simulator(GatewaySuite):
    @pytest.fixture
    def gateway_type(self, far_side: Inside) -> GatewayType:
        class Watched(SimulatorType):
            def create(self, context: GatewayContext) -> Gateway:
                far_side.gateway = SimulatorGateway(context)
                return far_side.gateway

        return Watched()

    @pytest.fixture
    def declared_settings(self) -> Sequence[Setting]:
        return SETTINGS

    @pytest.fixture
    def far_side(self, tmp_path: Path) -> Inside:
        return Inside(tmp_path / "journal", self.service)

    @pytest.fixture
    def trunk(self, far_side: Inside) -> Trunk:
        return Trunk(1, "simulator", "simulator", frozenset({"voice", "fax", "sms", "email"}))

    @pytest.fixture
    def setting_values(self, far_side: Inside) -> Mapping[str, Any]:
        return {"simulator.journal": str(far_side.journal), "simulator.delay": 0.01, "simulator.late": 0.05}

    def attempt_for(self, trunk: Trunk, *, outcome: str = "delivered", **options: Any) -> Attempt:
        row = BY_NAME[WORDS.get(outcome, outcome)]
        if options.get("destination") is None:
            number = next(_numbers)
            address = (
                f"{row.name}+{number}@example.org" if self.service == "email" else f"+4479{number:06d}{row.ending}"
            )
            options["destination"] = address
        return super().attempt_for(trunk, **options)


class TestSms(Simulator):
    service = "sms"


class TestEmail(Simulator):
    service = "email"


class TestVoice(Simulator):
    service = "voice"


class TestFax(Simulator):
    service = "fax"
