from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ictcore_gateway_simulator.gateway import SimulatorGateway
from ictcore_gateway_simulator.plugin import SETTINGS

from ictcore.spec import Attempt, Plan, Trunk, new_attempt_id, single
from ictcore.testing import MemorySink, StaticSettings, gateway_context

TRUNK = Trunk(1, "simulator", "simulator", frozenset({"voice", "fax", "sms", "email"}))


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def make(tmp_path: Path, sink: MemorySink) -> Iterator[Callable[..., SimulatorGateway]]:
    """``make(trunk=…, setting=value)``: a started simulator."""
    made: list[SimulatorGateway] = []

    def start(*, trunk: Trunk = TRUNK, into: MemorySink = sink, **values: Any) -> SimulatorGateway:
        given = {"simulator.delay": 0.01, "simulator.late": 0.05}
        given |= {f"simulator.{name}": value for name, value in values.items()}
        gateway = SimulatorGateway(gateway_context(tmp_path, StaticSettings(SETTINGS, given)))
        made.append(gateway)
        gateway.provision([trunk])
        gateway.start(into)
        return gateway

    yield start
    for gateway in made:
        gateway.stop(10.0)


@pytest.fixture
def attempt() -> Callable[..., Attempt]:
    """``attempt(destination)``: a text, a mail when it has an ``@``, or whatever ``service`` and ``plan`` say."""

    def build(destination: str, service: str = "", plan: Plan | None = None) -> Attempt:
        service = service or ("email" if "@" in destination else "sms")
        return Attempt(
            id=new_attempt_id(),
            service=service,
            source="+442071838750",
            destination=destination,
            trunk=1,
            plan=plan or single(f"{service}_send", {"text": "Hello", "subject": "Hello"}),
        )

    return build
