"""The part of the gateway suite in which somebody means harm."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ictcore.spec import (
    EMAIL,
    SMS,
    Attempt,
    AttemptEvent,
    Gateway,
    GatewayContext,
    GatewayType,
    NotSubmitted,
    Setting,
    Submitted,
    Trunk,
)
from ictcore.testing.fakes import MemorySink, StaticSettings
from ictcore.testing.far_side import FarSide
from ictcore.testing.story import ERRORS, check_story, stories
from ictcore.testing.suites.gateway_base import GatewayBase
from ictcore.testing.waiting import wait_until

HOSTILE: Sequence[str] = (
    "line\nTo: victim@evil.example",
    "line\r\nBcc: victim@evil.example\r\n\r\nsecond body",
    "line\rTo: +15550006666",
    "dot\r\n.\r\nMAIL FROM:<victim@evil.example>\r\nRCPT TO:<victim@evil.example>\r\nDATA\r\nhello\r\n.\r\n",
    "dot\n.\nRSET\n",
    ".",
    ".leading dot",
    "x HTTP/1.1\r\nHost: a\r\n\r\nGET /cgi-bin/sendsms?to=%2B15550006666&text=evil HTTP/1.1\r\n",
    "x&to=+15550006666",
    "x%26to%3D%2B15550006666%0D%0Ato: +15550006666",
    "x\r\n\r\nAction: Originate\r\nChannel: Local/+15550006666\r\n\r\n",
    "x\n\nbgapi originate sofia/gateway/evil/+15550006666 &park",
    "{origination_caller_id_number=1}x,[a=b]^^|y",
    "nul\x00byte",
    "\x00",
    "quote\"s and 'apostrophes' and `backticks`",
    '"); system("reboot',
    '","to":"+15550006666","x":"',
    "back\\slash \\r\\n \\\"",
    "$(reboot) ${PATH} %PATH%",
    "; DROP TABLE spool; --",
    "<b>bold</b><script>alert(1)</script>&amp;",
    "]]><!-- --><!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "../../../../etc/passwd",
    "[contact:first_name] [account:passwd] {{ 7*7 }} %(text)s %s {0}",
    "escape \x1b[2J bell \x07 delete \x7f",
    "separators \u2028 \u2029 \x85 \x0b \x0c",
    "\ufeffbyte order mark, right-to-left \u202e",
    "only a tail\r\n",
    "\r\n",
    "long " + "x" * 1500,
)  # fmt: skip
"""Texts that have broken real gateways."""

FOREIGN: Sequence[str] = (
    "Grüße aus Köln",
    "Привет, мир",
    "你好，世界",
    "مرحبا بالعالم",
    "नमस्ते",
    "Γειά σου",
    "emoji 😀👩‍👩‍👧",
    "€ [ ] { } ~ ^ | \\ @ £ $ _ Ω",
    "Combining e\u0301 \u0938\u094d",
)
"""Texts of all kinds: one byte, two, three and four in UTF-8; GSM's second table; joined characters."""

_TAME = {"\r", "\n", "\t"}


def tame(text: str) -> bool:
    """Whether a text has nothing that a far side may refuse or drop: no control character, something to read."""
    return bool(text.strip()) and not any(
        (ord(letter) < 32 and letter not in _TAME) or letter in "\x7f\x85\u2028\u2029\ufeff" for letter in text
    )


class SafetySuite(GatewayBase):
    """No value can make a second command, every letter survives, and no secret is told."""

    def _nothing_else(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, attempts: Sequence[Attempt]
    ) -> Mapping[str, AttemptEvent]:
        """Submit ``attempts`` and a harmless one after them; the far side must have got what was taken, and no more."""
        before = len(far_side.sent())
        outcomes = {attempt.id: self.deliver(gateway, sink, attempt) for attempt in attempts}
        for event in outcomes.values():
            assert not isinstance(event, NotSubmitted) or isinstance(event.error, ERRORS)
        taken = [event for event in outcomes.values() if not isinstance(event, NotSubmitted)]
        last = self.attempt_for(trunk, text="the last one")
        assert not isinstance(self.deliver(gateway, sink, last), NotSubmitted), "a harmless one is refused afterwards"
        wait_until(lambda: self.got(far_side, last), self.patience, "the last one arrived")
        wait_until(lambda: len(far_side.sent()) - before >= len(taken) + 1, self.patience, "all arrived")
        found = far_side.sent()[before:]
        assert len(found) == len(taken) + 1, f"{len(taken) + 1} were taken and {len(found)} arrived: {found!r}"
        wanted = {attempt.destination for attempt in (*attempts, last)}
        for message in found:
            assert message.destination in wanted, f"a second command: {message!r}"
        for attempt in (*attempts, last):
            check_story(stories(sink.of(attempt.id), [attempt.id])[attempt.id])
        return outcomes

    def test_a_hostile_text_is_only_a_text(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """It arrives as it is, once, and nothing else arrives."""
        self.need_verb(gateway_type, "send")
        attempts = [self.attempt_for(trunk, text=text) for text in HOSTILE]
        outcomes = self._nothing_else(gateway, sink, far_side, trunk, attempts)
        if self.service not in (SMS, EMAIL):
            return
        for attempt, text in zip(attempts, HOSTILE, strict=True):
            if tame(text):
                event = outcomes[attempt.id]
                assert not isinstance(event, NotSubmitted), f"{text!r} is only a text, and is refused: {event!r}"
                (message,) = self.got(far_side, attempt)
                assert self.comparable(message.text) == self.comparable(text)

    @pytest.mark.parametrize("field", ["source", "subject", "html", "from", "attachment", "destination"])
    def test_a_hostile_value_makes_no_second_command(
        self,
        field: str,
        gateway: Gateway,
        sink: MemorySink,
        far_side: FarSide,
        trunk: Trunk,
        context: GatewayContext,
        gateway_type: GatewayType,
    ) -> None:
        """Whatever stands in ``field``: refused, or sent as one message."""
        self.need_verb(gateway_type, "send")
        attempts = [attempt for text in HOSTILE if (attempt := self._with(field, text, trunk, context)) is not None]
        if not attempts:
            pytest.skip(f"a plan of {self.service} has no {field}")
        self._nothing_else(gateway, sink, far_side, trunk, attempts)
        for attempt in attempts:
            for message in self.got(far_side, attempt):
                assert not set(message.subject) & set("\r\n\x00")

    def _with(self, field: str, text: str, trunk: Trunk, context: GatewayContext) -> Attempt | None:
        """An attempt with ``text`` in ``field``, or ``None`` when the service has no such field."""
        if field == "source":
            return self.attempt_for(trunk, source=text)
        if field == "destination":
            good = self.attempt_for(trunk).destination
            return self.attempt_for(trunk, destination=good + text)
        if field == "from" and self.service == SMS:
            return self.attempt_for(trunk, data={"from": text})
        if self.service != EMAIL:
            return None
        if field == "subject":
            return self.attempt_for(trunk, subject=text)
        if field == "html":
            return self.attempt_for(trunk, html=text)
        if field == "attachment":
            digest = hashlib.sha256(b"%PDF-1.4").hexdigest()
            path = context.media_path(digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"%PDF-1.4")
            file: dict[str, Any] = {"name": text, "content_type": "application/pdf", "digest": digest, "size": 8}
            return self.attempt_for(trunk, data={"attachments": [file]})
        return None

    def test_any_mixture_of_hostile_pieces_is_only_a_text(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """Pieces joined at random, foreign letters among them."""
        self.need_verb(gateway_type, "send")
        pieces = st.sampled_from([*HOSTILE, *FOREIGN]) | st.text(max_size=20)
        texts = st.lists(st.lists(pieces, min_size=1, max_size=4).map("".join), min_size=1, max_size=5)

        @hypothesis_settings(
            max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
        )
        @given(texts)
        def try_all(batch: list[str]) -> None:
            attempts = [self.attempt_for(trunk, text=text, subject=text) for text in batch]
            self._nothing_else(gateway, sink, far_side, trunk, attempts)

        try_all()

    def test_foreign_letters_survive_on_the_way_out(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """The far side reads what was written."""
        self.need_verb(gateway_type, "send")
        if self.service not in (SMS, EMAIL):
            pytest.skip(f"{self.service} carries no text")
        attempts = [self.attempt_for(trunk, text=text, subject=text) for text in FOREIGN]
        for attempt, text in zip(attempts, FOREIGN, strict=True):
            event = self.deliver(gateway, sink, attempt)
            assert not isinstance(event, NotSubmitted), f"{text!r} is refused: {event!r}"
        wait_until(lambda: all(self.got(far_side, attempt) for attempt in attempts), self.patience, "all arrived")
        for attempt, text in zip(attempts, FOREIGN, strict=True):
            (message,) = self.got(far_side, attempt)
            assert self.comparable(message.text) == self.comparable(text)
            if self.service == EMAIL:
                assert message.subject == text

    def test_no_secret_is_told(
        self,
        gateway: Gateway,
        sink: MemorySink,
        far_side: FarSide,
        trunk: Trunk,
        settings: StaticSettings,
        declared_settings: Sequence[Setting],
        gateway_type: GatewayType,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Not in the log, in errors, in ``repr`` or in health."""
        secrets = {str(settings[each.key]) for each in declared_settings if each.secret} | {trunk.password}
        secrets -= {""}
        if not secrets:
            pytest.skip("neither the trunk nor the settings have a secret")
        caplog.set_level(logging.DEBUG)
        told: list[str] = []
        for control, do in self._bad_days(far_side):
            do()
            attempt = self.attempt_for(trunk, outcome=control)
            gateway.submit([attempt])
            event = self.outcome(sink, attempt)
            if not isinstance(event, Submitted):
                told.append(repr(event) + str(getattr(event, "error", "")))
            far_side.accept()
            self.wait_for_room(gateway)
        told += [caplog.text, repr(gateway), repr(gateway_type), repr(trunk), repr(list(gateway.health()))]
        gateway.stop(self.patience)
        told.append(caplog.text)
        for secret in secrets:
            for text in told:
                assert secret not in text, "a secret is told"

    def _bad_days(self, far_side: FarSide) -> Sequence[tuple[str, Any]]:
        days = {
            "delivered": far_side.accept,
            "reject": far_side.reject,
            "drop": far_side.drop_before_reply,
            "nonsense": far_side.nonsense,
        }
        words = {"reject": "rejected"}
        return [
            (words.get(name, name), do) for name, do in days.items() if name == "delivered" or name in far_side.controls
        ]
