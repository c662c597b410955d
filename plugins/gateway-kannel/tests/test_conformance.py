"""The core's conformance suite: both transports, each against a scripted far side and a real Kannel."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from ictcore_gateway_kannel.config import SETTINGS
from ictcore_gateway_kannel.plugin import KannelType
from ictcore_gateway_kannel.testing import FakeBearerbox, FakeSmsbox, KannelServer, SmppServer, installed

from ictcore.spec import Attempt, GatewayType, Setting, Trunk
from ictcore.testing.far_side import FarSide, Sent
from ictcore.testing.require import require
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


class KannelBehind(FarSide):
    """A real Kannel with an SMPP account: what its SMPP server got is what was sent."""

    controls: ClassVar[frozenset[str]] = frozenset({"absent", "reject", "report"})

    def __init__(self, kannel: KannelServer, smpp: SmppServer) -> None:
        self.kannel = kannel
        self.smpp = smpp
        self.numbers: dict[str, str] = {}
        self._before = len(smpp.texts())
        self.accept()

    def start(self) -> None:
        self.kannel.start()

    def stop(self) -> None:
        self.kannel.kill()

    def sent(self) -> list[Sent]:
        return [
            Sent(destination=f"+{destination.lstrip('+')}", source=source, text=text)
            for source, destination, text in self.smpp.texts()[self._before :]
        ]

    def accept(self) -> None:
        self.smpp.status = 0

    def reject(self) -> None:
        self.smpp.status = 0x0B

    def report(self, attempt_id: str, outcome: str, *, again: bool = False) -> None:
        words = {"delivered": "DELIVRD", "failed": "UNDELIV", "progress": "ACCEPTD"}
        number = self.numbers.get(attempt_id, "").lstrip("+")
        for message in self.smpp.received():
            if message.destination.lstrip("+") == number:
                self.smpp.report(message, words[outcome])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KannelServer, SmppServer]]:
    missing = installed()
    require("kannel", not missing, missing)
    smpp = SmppServer(report_as="")
    kannel = KannelServer(tmp_path_factory.mktemp("kannel")).start()
    yield kannel, smpp
    kannel.stop()
    smpp.stop()


class AgainstKannel(Conformance):
    transport = "box"

    @pytest.fixture(autouse=True)
    def know_numbers(self, far_side: FarSide) -> None:
        """SMPP does not carry our id: the far side learns which number an attempt has."""
        self.known = far_side

    def attempt_for(self, trunk: Trunk, **fields: Any) -> Attempt:
        attempt = super().attempt_for(trunk, **fields)
        assert isinstance(self.known, KannelBehind)
        self.known.numbers[attempt.id] = attempt.destination
        return attempt

    @pytest.fixture
    def far_side(self, real: tuple[KannelServer, SmppServer]) -> Iterator[KannelBehind]:
        side = KannelBehind(*real)
        side.start()
        yield side
        side.start()

    @pytest.fixture
    def trunk(self, far_side: FarSide) -> Trunk:
        assert isinstance(far_side, KannelBehind)
        return Trunk(
            id=7,
            name="carrier",
            type="smpp",
            services=frozenset({"sms"}),
            host="127.0.0.1",
            port=far_side.smpp.port,
            username=far_side.smpp.username,
            password=far_side.smpp.password,
            settings={"reconnect_delay": 1},
        )

    @pytest.fixture
    def setting_values(self, far_side: FarSide) -> Mapping[str, Any]:
        assert isinstance(far_side, KannelBehind)
        # One Kannel serves many tests: a name and a port of its own, so that no test gets the reports of another.
        own = {"kannel.box_name": f"box-{uuid.uuid4().hex[:20]}", "kannel.listen_port": 0}
        return {**far_side.kannel.settings(self.transport), **own}


@pytest.mark.real
class TestBoxAgainstKannel(AgainstKannel):
    pass


@pytest.mark.real
class TestHttpAgainstKannel(AgainstKannel):
    transport = "http"
