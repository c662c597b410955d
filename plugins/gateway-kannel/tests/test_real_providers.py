"""Providers as links of a real Kannel 1.4.5: they come, change and go, and carry messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ictcore_gateway_kannel.testing import KannelServer, SmppServer
from ictcore_gateway_kannel.testing.events import ended

from ictcore.spec import Delivered, Trunk
from ictcore.testing import MemorySink, servers, wait_until

pytestmark = pytest.mark.real


class TestProviders:
    def test_links_come_change_and_go(
        self,
        kannel: KannelServer,
        smpp: SmppServer,
        smpp_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        values = kannel.settings()
        gateway = start_gateway(values, memory_sink, [], room=False)
        assert (gateway.room(), gateway.health()) == (0, ())
        gateway.provision([smpp_trunk])
        kannel.wait_for_link("ictcore-7")
        assert smpp.binds == ["transceiver"]
        wait_until(lambda: any(h.name == "kannel link carrier" and h.ok for h in gateway.health()))
        gateway.provision([smpp_trunk])
        assert smpp.binds == ["transceiver"], "the same provider is not loaded again"
        two_ways = {**smpp_trunk.settings, "transceiver_mode": False}
        changed = Trunk(
            id=7, name="carrier", type="smpp", services=smpp_trunk.services, host="127.0.0.1", port=smpp.port,
            username=smpp.username, password=smpp.password, settings=two_ways,
        )  # fmt: skip
        gateway.provision([changed])
        wait_until(lambda: sorted(smpp.binds) == ["receiver", "transceiver", "transmitter"], what="both binds")
        gateway.provision([])
        wait_until(lambda: all(link.smsc_id != "ictcore-7" for link in kannel.status().links))
        assert list(kannel.providers.glob("*.conf")) == []

    def test_a_wrong_password_shows_in_health(
        self, kannel: KannelServer, smpp: SmppServer, start_gateway: Any, memory_sink: MemorySink
    ) -> None:
        trunk = Trunk(
            id=7, name="carrier", type="smpp", services=frozenset({"sms"}), host="127.0.0.1", port=smpp.port,
            username=smpp.username, password="not this one", settings={"reconnect_delay": 1},
        )  # fmt: skip
        gateway = start_gateway(kannel.settings(), memory_sink, [trunk])
        wait_until(lambda: "refused" in smpp.binds)
        wait_until(lambda: any(h.name == "kannel link carrier" and h.fault for h in gateway.health()))
        assert "not this one" not in repr(gateway.health())

    def test_bearerbox_reads_the_files_when_it_starts(
        self,
        kannel: KannelServer,
        smpp: SmppServer,
        smpp_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        kannel.stop()
        gateway = start_gateway(kannel.settings(), memory_sink, [smpp_trunk], room=False)
        kannel.start()
        kannel.wait_for_link("ictcore-7")
        wait_until(gateway.room)
        attempt = make_attempt(trunk=7)
        gateway.submit([attempt])
        assert isinstance(ended(memory_sink, attempt), Delivered)

    @pytest.mark.parametrize("value", ['a"b\\c', "a=b # c", "'; $(x)", "%P {0}"])
    def test_any_password_comes_through_unchanged(
        self, value: str, kannel_at: Callable[..., KannelServer], start_gateway: Any, memory_sink: MemorySink
    ) -> None:
        server = SmppServer(password=value)
        try:
            kannel = kannel_at()
            trunk = Trunk(
                id=7, name="carrier", type="smpp", services=frozenset({"sms"}), host="127.0.0.1", port=server.port,
                username=server.username, password=value,
            )  # fmt: skip
            start_gateway(kannel.settings(), memory_sink, [trunk])
            kannel.wait_for_link("ictcore-7")
            assert server.binds == ["transceiver"]
        finally:
            server.stop()

    def test_an_http_provider_gets_its_messages(
        self, kannel: KannelServer, smsbox: Any, start_gateway: Any, make_attempt: Any, memory_sink: MemorySink,
    ) -> None:  # fmt: skip
        trunk = Trunk(
            id=8, name="web shop", type="http", services=frozenset({"sms"}), host="127.0.0.1", port=smsbox.port,
            username="me & you", password="p w=%",
            settings={
                "send_url": "http://{host}:{port}/send?u={username}&p={password}&from=%p&to=%P&text=%b",
                "receive_port": servers.free_port(), "reports": False, "relay_reports": True,
                "status_success_regex": "^0:",
            },
        )  # fmt: skip
        gateway = start_gateway(kannel.settings(), memory_sink, [trunk])
        kannel.wait_for_link("ictcore-8")
        attempt = make_attempt("Grüße & mehr", 8)
        gateway.submit([attempt])
        event = ended(memory_sink, attempt)
        assert isinstance(event, Delivered)
        (request,) = smsbox.requests
        assert request.query["u"] == b"me & you"
        assert request.query["p"] == b"p w=%"
        assert request.query["text"].decode() == "Grüße & mehr"
