"""Fixtures of this plugin's tests: a real Kannel, and gateways on either transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ictcore_gateway_kannel.config import SETTINGS
from ictcore_gateway_kannel.gateway import KannelGateway
from ictcore_gateway_kannel.plugin import KannelType
from ictcore_gateway_kannel.testing import FakeBearerbox, FakeLink, FakeSmsbox, KannelServer, SmppServer, installed

from ictcore.spec import Attempt, Trunk, new_attempt_id, single
from ictcore.testing import MemorySink, StaticSettings, gateway_context, wait_until
from ictcore.testing.require import require

StartGateway = Callable[..., KannelGateway]
MakeAttempt = Callable[..., Attempt]


@pytest.fixture
def make_attempt() -> MakeAttempt:
    """``make_attempt(text, trunk=1, destination=..., source=..., **data)``"""

    def make(
        text: str = "Hello",
        trunk: int = 1,
        *,
        destination: str = "+447900900123",
        source: str = "+442071838750",
        expires_at: datetime | None = None,
        **data: str,
    ) -> Attempt:
        return Attempt(
            id=new_attempt_id(),
            service="sms",
            source=source,
            destination=destination,
            trunk=trunk,
            plan=single("sms_send", {"text": text, **data}),
            expires_at=expires_at,
        )

    return make


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[Callable[..., KannelGateway]]:
    """``make_gateway(values)``: a gateway with these settings, not started; stopped when the test ends."""
    made: list[KannelGateway] = []

    def make(values: Mapping[str, Any] | None = None, home: str = "home") -> KannelGateway:
        settings = StaticSettings(SETTINGS, values)
        gateway = KannelType().create(gateway_context(tmp_path / home, settings))
        assert isinstance(gateway, KannelGateway)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.stop(5.0)


@pytest.fixture
def start_gateway(make_gateway: Callable[..., KannelGateway]) -> StartGateway:
    """``start_gateway(values, sink, trunks)``: a gateway that runs; with ``room=True`` it has room."""

    def start(
        values: Mapping[str, Any], sink: MemorySink, trunks: list[Trunk], *, room: bool = True, home: str = "home"
    ) -> KannelGateway:
        gateway = make_gateway(values, home)
        gateway.provision(trunks)
        gateway.start(sink)
        if room:
            try:
                wait_until(gateway.room, what="the gateway has room")
            except AssertionError as error:
                raise AssertionError(f"{error}; {gateway.health()}") from None
        return gateway

    return start


@pytest.fixture
def link_trunk() -> Trunk:
    """A provider that is the link ``fake``."""
    return Trunk(id=1, name="fake", type="link", services=frozenset({"sms"}))


@pytest.fixture
def bearerbox() -> Iterator[FakeBearerbox]:
    """A scripted bearerbox that listens."""
    server = FakeBearerbox()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def box_values(bearerbox: FakeBearerbox) -> dict[str, Any]:
    """Settings for the scripted bearerbox."""
    return {"kannel.box_port": bearerbox.port, "kannel.admin_port": 0, "kannel.timeout": 1.0}


@pytest.fixture
def smsbox(free_port: int) -> Iterator[FakeSmsbox]:
    """A scripted smsbox that listens."""
    server = FakeSmsbox(f"http://127.0.0.1:{free_port}/callback-token-0123456789/mo")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def http_values(smsbox: FakeSmsbox) -> dict[str, Any]:
    """Settings for the scripted smsbox."""
    port = int(smsbox.callback.split(":")[2].split("/")[0])
    return {
        "kannel.transport": "http",
        "kannel.sendsms_port": smsbox.port,
        "kannel.admin_port": 0,
        "kannel.timeout": 1.0,
        "kannel.connections": 4,
        "kannel.listen_port": port,
        "kannel.callback_token": "callback-token-0123456789",
    }


@pytest.fixture
def smpp() -> Iterator[SmppServer]:
    """An SMPP server; what it takes it reports as delivered at once."""
    server = SmppServer()
    yield server
    server.stop()


@pytest.fixture
def kannel_at(tmp_path: Path) -> Iterator[Callable[..., KannelServer]]:
    """``kannel_at(**options)``: a real Kannel that runs; stopped when the test ends."""
    missing = installed()
    require("kannel", not missing, missing)
    started: list[KannelServer] = []

    def start(**options: Any) -> KannelServer:
        folder = tmp_path / f"kannel-{len(started)}"
        folder.mkdir()
        server = KannelServer(folder, **options)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def kannel(kannel_at: Callable[..., KannelServer]) -> KannelServer:
    """A real Kannel with the link ``fake``, whose inbound messages come to the box ``ictcore``."""
    return kannel_at()


@pytest.fixture
def link(kannel: KannelServer) -> Iterator[FakeLink]:
    """The far side of the link ``fake``, connected."""
    link = kannel.link()
    yield link
    link.stop()


@pytest.fixture
def smpp_trunk(smpp: SmppServer) -> Trunk:
    """A provider that is that SMPP server."""
    return Trunk(
        id=7,
        name="carrier",
        type="smpp",
        services=frozenset({"sms"}),
        host="127.0.0.1",
        port=smpp.port,
        username=smpp.username,
        password=smpp.password,
        settings={"system_type": "VMA", "enquire_link_interval": 5, "reconnect_delay": 1},
    )
