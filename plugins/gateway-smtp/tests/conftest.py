"""What the tests of this plugin share."""

from __future__ import annotations

import itertools
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from ictcore_gateway_smtp.gateway import SmtpGateway
from ictcore_gateway_smtp.plugin import SmtpGatewayType
from ictcore_gateway_smtp.settings import SETTINGS
from ictcore_gateway_smtp.testing import ScriptedServer

from ictcore.spec import EMAIL, Attempt, Trunk, new_attempt_id, single
from ictcore.testing import MemorySink, StaticSettings, gateway_context
from ictcore.testing.require import require_program
from ictcore.testing.waiting import wait_until

_numbers = itertools.count(1)

# A slow machine is no fault of the code; files of examples do not belong into the tree.
hypothesis.settings.register_profile(
    "gateway-smtp", deadline=None, database=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("gateway-smtp")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A scripted mail server that listens."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def make_attempt() -> Callable[..., Attempt]:
    """``make_attempt(destination=..., source=..., **data)``: a new attempt for trunk 1."""

    def make(*, destination: str = "", source: str = "shop@example.com", tries: int = 1, **data: Any) -> Attempt:
        return Attempt(
            id=new_attempt_id(),
            service=EMAIL,
            source=source,
            destination=destination or f"user{next(_numbers)}@example.org",
            trunk=1,
            tries=tries,
            plan=single("email_send", {"subject": "Hello", "text": "Hello", **data}),
        )

    return make


@pytest.fixture
def make_trunk() -> Callable[..., Trunk]:
    """``make_trunk(port, **settings)``: trunk 1 on this machine, with short time limits."""

    def make(port: int, *, host: str = "127.0.0.1", username: str = "", password: str = "", **settings: Any) -> Trunk:
        limits = {"connect_timeout": 5.0, "command_timeout": 2.0, "data_timeout": 1.0, "helo": "client.example"}
        return Trunk(
            id=1,
            name="relay",
            type="smtp",
            services=frozenset({EMAIL}),
            host=host,
            port=port,
            username=username,
            password=password,
            settings={**limits, **settings},
        )

    return make


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., tuple[SmtpGateway, MemorySink]]]:
    """``start_gateway(trunk, settings)``: a running gateway and its sink; stopped when the test ends."""
    made: list[SmtpGateway] = []

    def start(
        *trunks: Trunk, sink: MemorySink | None = None, ready: bool = True, settings: Mapping[str, Any] | None = None
    ) -> tuple[SmtpGateway, MemorySink]:
        sink = sink or MemorySink()
        gateway = SmtpGatewayType().create(gateway_context(tmp_path, StaticSettings(SETTINGS, settings)))
        assert isinstance(gateway, SmtpGateway)
        made.append(gateway)
        gateway.provision(trunks)
        gateway.start(sink)
        if ready:
            wait_until(gateway.room, what="the gateway has room")
        return gateway, sink

    yield start
    for gateway in made:
        gateway.stop(5.0)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate of its own for ``127.0.0.1``, valid for a day."""
    program = require_program("openssl", "openssl")
    folder = tmp_path_factory.mktemp("certificate")
    argv = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=scripted.example"]
    argv += [
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:scripted.example",
        "-keyout",
        folder / "key",
        "-out",
        folder / "cert",
    ]
    subprocess.run(argv, check=True, capture_output=True)
    path = folder / "both.pem"
    path.write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    """What a server with that certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
