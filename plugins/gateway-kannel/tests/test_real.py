"""Against a real Kannel 1.4.5: bearerbox, smsbox, fakesmsc, and an SMPP server of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ictcore_gateway_kannel.testing import FakeLink, KannelServer, SmppServer
from ictcore_gateway_kannel.testing.events import ended, received
from ictcore_gateway_kannel.testing.link import joined
from ictcore_gateway_kannel.text import concatenation

from ictcore.spec import (
    Delivered,
    Failed,
    GatewayUnavailable,
    GatewayUncertain,
    NotSubmitted,
    Progress,
    Submitted,
    Trunk,
    cause,
)
from ictcore.testing import MemorySink, wait_until

pytestmark = pytest.mark.real

LONG = ("Ένα μεγάλο μήνυμα: 你好 😀 Привет! " * 10)[:300]


@pytest.mark.parametrize("transport", ["box", "http"])
class TestBothTransports:
    def test_300_unicode_characters_arrive_as_one_long_message(
        self,
        transport: str,
        kannel: KannelServer,
        link_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        program = kannel.fakesmsc()
        try:
            assert len(LONG) == 300
            gateway = start_gateway(kannel.settings(transport), memory_sink, [link_trunk])
            attempt = make_attempt(LONG)
            gateway.submit([attempt])
            event = ended(memory_sink, attempt)
            assert isinstance(event, Delivered)
            wait_until(lambda: len(program.received()) >= 5)
            places = [concatenation(message.udh) for message in program.received()]
            total = len(places)
            assert total == 5
            assert [place and (place.total, place.number) for place in places] == [(5, n) for n in range(1, 6)]
            assert len({place.reference for place in places if place}) == 1
            assert all(len(message.data) <= 134 for message in program.received())
            assert joined(program.received()) == [(attempt.destination, LONG)]
            assert event.amount == total
            kinds = [type(each) for each in memory_sink.of(attempt.id)]
            assert kinds == [Submitted, *[Progress] * (total - 1), Delivered]
        finally:
            program.stop()

    @pytest.mark.parametrize("text", ["Hello", "Grüße €[x]~", "Привет", "emoji 😀", "a\\b^c|d", "x" * 161])
    def test_a_text_arrives_and_its_report_completes_it(
        self,
        transport: str,
        text: str,
        kannel: KannelServer,
        link: FakeLink,
        link_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        gateway = start_gateway(kannel.settings(transport), memory_sink, [link_trunk])
        attempt = make_attempt(text)
        gateway.submit([attempt])
        assert isinstance(ended(memory_sink, attempt), Delivered)
        wait_until(link.texts)
        wait_until(lambda: link.texts() == [(attempt.destination, text)])

    def test_a_provider_without_reports_is_done_when_kannel_has_it(
        self,
        transport: str,
        kannel: KannelServer,
        link: FakeLink,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        trunk = Trunk(id=1, name="fake", type="link", services=frozenset({"sms"}), settings={"reports": False})
        gateway = start_gateway(kannel.settings(transport), memory_sink, [trunk])
        attempt = make_attempt()
        gateway.submit([attempt])
        event = ended(memory_sink, attempt)
        assert isinstance(event, Delivered)
        assert not event.confirmed
        wait_until(link.texts)
        assert [type(each) for each in memory_sink.of(attempt.id)] == [Delivered]

    @pytest.mark.parametrize(
        ("stat", "error", "expected"),
        [
            ("REJECTD", "011", cause.REJECTED),
            ("EXPIRED", "001", cause.EXPIRED),
            ("UNDELIV", "006", cause.UNREACHABLE),
            ("DELETED", "000", cause.CANCELLED),
        ],
    )
    def test_a_bad_report_fails_it_and_keeps_the_word(
        self,
        transport: str,
        stat: str,
        error: str,
        expected: str,
        kannel: KannelServer,
        smpp: SmppServer,
        smpp_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        smpp.report_as, smpp.report_error = stat, error
        gateway = start_gateway(kannel.settings(transport), memory_sink, [smpp_trunk])
        kannel.wait_for_link("ictcore-7")
        attempt = make_attempt(trunk=7)
        gateway.submit([attempt])
        event = ended(memory_sink, attempt)
        assert isinstance(event, Failed)
        assert (event.cause, event.vendor_code) == (expected, f"stat:{stat} err:{error}")

    def test_a_submission_that_the_smsc_refuses_fails_it(
        self,
        transport: str,
        kannel: KannelServer,
        smpp: SmppServer,
        smpp_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        smpp.status = 0x0B
        gateway = start_gateway(kannel.settings(transport), memory_sink, [smpp_trunk])
        kannel.wait_for_link("ictcore-7")
        attempt = make_attempt(trunk=7)
        gateway.submit([attempt])
        event = ended(memory_sink, attempt)
        assert isinstance(event, Failed)
        assert event.cause == cause.UNALLOCATED
        assert event.vendor_code.startswith("NACK/0x0000000b/")

    def test_long_texts_survive_smpp(
        self,
        transport: str,
        kannel: KannelServer,
        smpp: SmppServer,
        smpp_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        gateway = start_gateway(kannel.settings(transport), memory_sink, [smpp_trunk])
        kannel.wait_for_link("ictcore-7")
        texts = [LONG, "€" * 200, "line\r\nline", "@£$¥èéùìòÇ ÄÖÑÜ§¿äöñüà ΔΦΓΛΩΠΨΣΘΞ" * 6, "\x00 and \x1b[2J"]
        attempts = [make_attempt(text, 7, destination=f"4479009{number:05d}") for number, text in enumerate(texts)]
        gateway.submit(attempts)
        for attempt in attempts:
            assert isinstance(ended(memory_sink, attempt), Delivered)
        got = {destination: text for _, destination, text in smpp.texts()}
        assert got == {attempt.destination: text for attempt, text in zip(attempts, texts, strict=True)}

    def test_a_link_that_bearerbox_lacks_sends_nothing(
        self,
        transport: str,
        kannel: KannelServer,
        link: FakeLink,
        link_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        absent = Trunk(id=2, name="elsewhere", type="link", services=frozenset({"sms"}))
        gateway = start_gateway(kannel.settings(transport), memory_sink, [link_trunk, absent])
        wait_until(lambda: any("no link elsewhere" in each.fault for each in gateway.health()))
        attempt = make_attempt(trunk=2)
        gateway.submit([attempt])
        memory_sink.wait_for(lambda events: bool(events))
        (event,) = memory_sink.of(attempt.id)
        assert isinstance(event, NotSubmitted)
        assert isinstance(event.error, GatewayUnavailable)


class TestInbound:
    @pytest.mark.parametrize("transport", ["box", "http"])
    def test_messages_from_phones(
        self,
        transport: str,
        kannel_at: Callable[..., KannelServer],
        smpp: SmppServer,
        smpp_trunk: Trunk,
        start_gateway: Any,
        memory_sink: MemorySink,
    ) -> None:
        kannel = kannel_at(inbound=transport)
        start_gateway(kannel.settings(transport), memory_sink, [smpp_trunk])
        kannel.wait_for_link("ictcore-7")
        wait_until(lambda: smpp.bound)
        smpp.send("447900900123", "2020", b"JOIN me at 7")
        smpp.send("447900900123", "2020", "Привет 😀".encode("utf-16-be"), coding=8)
        first, second = sorted(received(memory_sink, 2), key=lambda event: event.text)
        assert (first.called, first.caller, first.text) == ("2020", "447900900123", "JOIN me at 7")
        assert second.text == "Привет 😀"
        assert first.provider == second.provider == "carrier"
        assert first.key != second.key
        data = LONG.encode("utf-16-be")
        for number, start in enumerate(range(0, len(data), 133 - 1), 1):
            total = -(-len(data) // 132)
            smpp.send("1", "2020", data[start : start + 132], coding=8, udh=bytes((5, 0, 3, 9, total, number)))
        assert received(memory_sink, 3)[2].text == LONG

    def test_a_message_is_kept_until_we_are_back(
        self, kannel_at: Callable[..., KannelServer], link_trunk: Trunk, start_gateway: Any, memory_sink: MemorySink
    ) -> None:
        kannel = kannel_at(store=True)
        link = kannel.link()
        try:
            gateway = start_gateway(kannel.settings(), memory_sink, [link_trunk])
            link.send_text("1", "2020", "first")
            received(memory_sink, 1)
            gateway.stop(5.0)
            link.send_text("1", "2020", "while nobody is here")
            later = MemorySink(hold=True)
            gateway = start_gateway(kannel.settings(), later, [link_trunk], home="second")
            text = "while nobody is here"
            later.wait_for(lambda events: any(getattr(event, "text", "") == text for event in events))
            unconfirmed = next(event for event in received(later) if event.text == text)
            gateway.stop(5.0)  # as if the process had died before the commit: it was not acknowledged
            last = MemorySink()
            start_gateway(kannel.settings(), last, [link_trunk], home="third")
            last.wait_for(lambda events: any(getattr(event, "text", "") == text for event in events))
            again = next(event for event in received(last) if event.text == text)
            assert again.key == unconfirmed.key
        finally:
            link.stop()


class TestRestarts:
    @pytest.mark.parametrize("transport", ["box", "http"])
    def test_kannel_killed_and_started_again(
        self,
        transport: str,
        kannel: KannelServer,
        link: FakeLink,
        link_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        gateway = start_gateway({**kannel.settings(transport), "kannel.timeout": 5.0}, memory_sink, [link_trunk])
        first = make_attempt("before")
        gateway.submit([first])
        assert isinstance(ended(memory_sink, first), Delivered)
        kannel.kill()
        wait_until(lambda: any(each.fault for each in gateway.health()))
        lost = make_attempt("meanwhile")
        gateway.submit([lost])
        memory_sink.wait_for(lambda events: any(getattr(event, "attempt_id", "") == lost.id for event in events))
        (event,) = memory_sink.of(lost.id)
        assert isinstance(event, NotSubmitted)
        assert isinstance(event.error, (GatewayUnavailable, GatewayUncertain))
        kannel.start()
        kannel.wait_for_link()
        wait_until(gateway.room)
        wait_until(lambda: not any(each.fault for each in gateway.health()))
        second = make_attempt("after")
        gateway.submit([second])
        assert isinstance(ended(memory_sink, second), Delivered)
        wait_until(lambda: len(link.texts()) >= 2)
        assert [text for _, text in link.texts()] == ["before", "after"]

    def test_reports_wait_for_us(
        self,
        kannel: KannelServer,
        smpp: SmppServer,
        smpp_trunk: Trunk,
        start_gateway: Any,
        make_attempt: Any,
        memory_sink: MemorySink,
    ) -> None:
        smpp.report_as = ""
        gateway = start_gateway(kannel.settings(), memory_sink, [smpp_trunk])
        kannel.wait_for_link("ictcore-7")
        attempt = make_attempt("x" * 200, 7)
        gateway.submit([attempt])
        memory_sink.wait_for(lambda events: any(isinstance(event, Submitted) for event in events))
        one, two = wait_until(lambda: len(smpp.received()) == 2 and smpp.received())
        smpp.report(one, "DELIVRD")
        memory_sink.wait_for(lambda events: any(isinstance(event, Progress) for event in events))
        gateway.stop(5.0)
        smpp.report(two, "DELIVRD")
        later = MemorySink()
        start_gateway(kannel.settings(), later, [smpp_trunk])  # the same home: it remembers the first part
        event = ended(later, attempt)
        assert isinstance(event, Delivered)
        assert event.amount == 2
