"""One gateway for each way to break the contract; every class names the test of the suite that must catch it.

Not collected by itself: ``test_conformance_kit.py`` runs it and expects every test to fail, with the words in ``says``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from ictcore.spec import (
    Attempt,
    Capability,
    Delivered,
    Event,
    Failed,
    Gateway,
    GatewayContext,
    GatewayError,
    GatewayRejected,
    GatewayThrottled,
    GatewayType,
    GatewayUnavailable,
    GatewayUncertain,
    Health,
    NotSubmitted,
    Progress,
    Receipt,
    Received,
    Reconciliation,
    Sink,
    Submitted,
    Trunk,
    new_attempt_id,
    utc_now,
)

TEMPLATE = Path(__file__).parents[2] / "contrib" / "plugin-template"
sys.path.insert(0, str(TEMPLATE))
_spec = importlib.util.spec_from_file_location("template_conformance", TEMPLATE / "tests" / "test_conformance.py")
assert _spec is not None
assert _spec.loader is not None
template = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(template)

from ictcore_gateway_example.gateway import ExampleGateway  # noqa: E402
from ictcore_gateway_example.plugin import ExampleType  # noqa: E402


class Filter:
    """A sink that changes what goes through it."""

    def __init__(self, sink: Sink, change: Any) -> None:
        self._sink = sink
        self._change = change

    def put(self, events: Sequence[Event]) -> Receipt:
        return self._sink.put([out for event in events for out in self._change(event)])


class Filtered(ExampleGateway):
    """A gateway whose events are changed by :meth:`change`."""

    def start(self, sink: Sink) -> None:
        super().start(Filter(sink, self.change))

    def change(self, event: Event) -> Iterable[Event]:
        return [event]


class Broken(template.TestExample):  # type: ignore[name-defined,misc]
    __test__ = False
    patience = float(os.environ.get("KIT_PATIENCE", "2"))
    caught_by: ClassVar[str] = ""
    says: ClassVar[str] = ""
    gateway: ClassVar[type[ExampleGateway]]

    @pytest.fixture
    def gateway_type(self) -> GatewayType:
        make = type(self).Gateway  # type: ignore[attr-defined]

        class Type(ExampleType):
            def create(self, context: GatewayContext) -> Gateway:
                return make(context)  # type: ignore[no-any-return]

        return Type()


def broken(caught_by: str, says: str) -> Any:
    """Turn a gateway class into a test class that is expected to fail."""

    def decorate(gateway: type[ExampleGateway]) -> type[Broken]:
        body = {"Gateway": gateway, "caught_by": caught_by, "says": says, "__test__": True, "__module__": __name__}
        return type(gateway.__name__, (Broken,), body)

    return decorate


# Sending.


@broken("test_the_same_id_twice_is_sent_once", "one id was sent more than once")
class TestSendsTwice(ExampleGateway):
    def submit(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._seen.pop(attempt.id, None)
            super().submit([attempt])


@broken("test_every_attempt_of_a_batch_has_one_outcome", "outcome 1 of")
class TestLosesOne(ExampleGateway):
    def submit(self, attempts: Sequence[Attempt]) -> None:
        super().submit([attempt for attempt in attempts if attempt.plan.first.data["text"] != "number 7"])


@broken("test_an_attempt_goes_out_once", "a second outcome of one submission")
class TestTwoOutcomes(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [event, event] if isinstance(event, Submitted) else [event]


@broken("test_an_attempt_goes_out_once", "an event of an attempt that nobody submitted")
class TestStrangeIds(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [event, Progress(attempt_id=new_attempt_id(), at=utc_now(), name="ringing")]


@broken("test_an_attempt_goes_out_once", "a time without a zone")
class TestNaiveTime(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [replace(event, at=event.at.replace(tzinfo=None))]


@broken("test_an_attempt_goes_out_once", "a time in the future")
class TestFutureTime(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [replace(event, at=event.at.replace(year=2999))]


@broken("test_an_attempt_goes_out_once", "before the outcome of its submission")
class TestProgressBeforeTheOutcome(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        assert not isinstance(event, Received)
        return [Progress(attempt_id=event.attempt_id, at=utc_now(), name="ringing"), event]


@broken("test_an_attempt_goes_out_once", "after the end comes")
class TestGoesOnAfterTheEnd(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        assert not isinstance(event, Received)
        attempt_id, now = event.attempt_id, utc_now()
        return [event, Delivered(attempt_id=attempt_id, at=now), Failed(attempt_id=attempt_id, at=now, cause="busy")]


@broken("test_a_refusal_is_final_and_has_a_cause", "the attempt is refused")
class TestErrorThatIsNoDecision(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        if isinstance(event, NotSubmitted):
            return [replace(event, error=GatewayError("something went wrong"))]
        return [event]


@broken("test_throttling_is_told_as_such", "that is no decision")
class TestBareErrorWhenThrottled(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        if isinstance(event, NotSubmitted):

            class Odd(GatewayThrottled):
                pass

            odd = GatewayError("slow")
            return [replace(event, error=Odd("slow")), replace(event, error=odd)]
        return [event]


@broken("test_a_refusal_is_final_and_has_a_cause", "the far side's own word is missing")
class TestForgetsTheVendorsWord(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        if isinstance(event, NotSubmitted):
            return [replace(event, error=GatewayRejected("refused"))]
        return [event]


@broken("test_a_refusal_is_final_and_has_a_cause", "moon")
class TestCauseOfItsOwn(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        if isinstance(event, NotSubmitted):
            return [replace(event, error=GatewayRejected("refused", cause="moon", vendor_code="x"))]
        return [event]


@broken("test_throttling_is_told_as_such", "assert")
class TestThrottledForEver(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        if isinstance(event, NotSubmitted):
            return [replace(event, error=GatewayRejected("refused", vendor_code="429"))]
        return [event]


@broken("test_an_attempt_whose_provider_is_gone_is_not_lost", "assert")
class TestUsesAProviderThatIsGone(ExampleGateway):
    def provision(self, trunks: Sequence[Trunk]) -> None:
        self.trunks.update({trunk.id: trunk for trunk in trunks})


@broken("test_provisioning_twice_changes_nothing", "200 times nothing left")
class TestForgetsWhatItKnows(ExampleGateway):
    def provision(self, trunks: Sequence[Trunk]) -> None:
        self.trunks = {trunk.id: trunk for trunk in trunks if trunk.id not in self.trunks}


@broken("test_reconciling_sends_nothing", "is called never sent")
class TestReconcilesBlindly(ExampleGateway):
    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        return Reconciliation(never_sent=frozenset(attempt_ids))


@broken("test_reconciling_sends_nothing", "names an id that nobody asked for")
class TestReconcilesOthers(ExampleGateway):
    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        return Reconciliation(pending=frozenset({new_attempt_id()}))


@broken("test_room_shrinks_while_attempts_are_under_way", "does not count what is under way")
class TestRoomForEverything(ExampleGateway):
    def room(self) -> int:
        return 16


@broken("test_a_stopped_gateway_has_no_room", "assert")
class TestRoomAfterTheEnd(ExampleGateway):
    def room(self) -> int:
        return super().room() or 5


@broken("test_submitting_does_not_wait_for_the_far_side", "came back only when")
class TestBlocksInSubmit(ExampleGateway):
    def submit(self, attempts: Sequence[Attempt]) -> None:
        super().submit(attempts)
        while self._under_way:
            threading.Event().wait(0.005)


@broken("test_type_declares_what_it_is", "telepathy")
class TestUnknownVerb(ExampleGateway):
    pass


TestUnknownVerb.gateway_type = pytest.fixture(  # type: ignore[attr-defined]
    lambda self: type("Type", (ExampleType,), {"capabilities": frozenset({Capability("sms", "telepathy")})})()
)


@broken("test_creating_does_no_io", "opened a connection")
class TestConnectsWhenMade(ExampleGateway):
    def __init__(self, context: GatewayContext) -> None:
        super().__init__(context)
        self.early = socket.socket()

    def stop(self, timeout: float) -> None:
        super().stop(timeout)
        self.early.close()


@broken("test_creating_does_no_io", "leaves a file open")
class TestKeepsAFileWhenItNeverRan(ExampleGateway):
    kept: ClassVar[list[Any]] = []

    def __init__(self, context: GatewayContext) -> None:
        super().__init__(context)
        self.kept.append(socket.socketpair())


# Faults.


class Resending(ExampleGateway):
    def send(self, attempt: Attempt, trunk: Trunk) -> Submitted | Delivered | Failed:
        try:
            return super().send(attempt, trunk)
        except GatewayUncertain:
            return super().send(attempt, trunk)


@broken("test_the_far_side_dies_before_it_answers", "what may have left was sent again")
class TestSendsAgainAfterALostAnswer(Resending):
    pass


@broken("test_the_far_side_never_answers", "what may have left was sent again")
class TestSendsAgainAfterATimeout(Resending):
    pass


class Hopeful(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        if isinstance(event, NotSubmitted):
            return [replace(event, error=GatewayUnavailable("try again"))]
        return [event]


@broken("test_the_far_side_dies_before_it_answers", "it may have left, and would be sent again")
class TestCallsALostAnswerUnavailable(Hopeful):
    pass


@broken("test_the_far_side_never_answers", "it may have left, and would be sent again")
class TestCallsATimeoutUnavailable(Hopeful):
    pass


@broken("test_the_far_side_never_answers", "outcome 1 of")
class TestWaitsForEver(ExampleGateway):
    def __init__(self, context: GatewayContext) -> None:
        super().__init__(context)
        self._timeout = 3600.0


class Trusting(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [Submitted(attempt_id=event.attempt_id, at=event.at)] if isinstance(event, NotSubmitted) else [event]


@broken("test_the_far_side_answers_nonsense", "nobody said that it was taken")
class TestTakesNonsenseForSuccess(Trusting):
    pass


@broken("test_the_far_side_dies_between_two_attempts", "nobody was there to take it")
class TestTakesAbsenceForSuccess(Trusting):
    pass


@broken("test_the_far_side_answers_nonsense", "not within")
class TestDiesOfNonsense(ExampleGateway):
    workers = 1

    def _attempt(self, attempt: Attempt) -> Event:
        event = super()._attempt(attempt)
        if isinstance(event, NotSubmitted):
            assert self._sink is not None
            self._sink.put([event])
            sys.exit()  # ends this thread only
        return event


@broken("test_an_absent_far_side_is_no_error_and_health_tells", "ConnectionRefusedError")
class TestNeedsTheFarSideToStart(ExampleGateway):
    def start(self, sink: Sink) -> None:
        (trunk,) = self.trunks.values()
        socket.create_connection((trunk.host, trunk.port)).close()
        super().start(sink)


@broken("test_an_absent_far_side_is_no_error_and_health_tells", "health names the fault")
class TestIsAlwaysWell(ExampleGateway):
    def health(self) -> Sequence[Health]:
        return [Health("carrier")]


@broken("test_an_absent_far_side_is_no_error_and_health_tells", "health is well again")
class TestNeverForgives(ExampleGateway):
    sick = ""

    def health(self) -> Sequence[Health]:
        self.sick = self.sick or self._fault
        return [Health("carrier", self.sick)]


@broken("test_an_absent_far_side_is_no_error_and_health_tells", "the gateway has room")
class TestGivesUp(ExampleGateway):
    def room(self) -> int:
        return 0 if self._fault else super().room()


@broken("test_the_same_id_may_come_again_when_nothing_left", "outcome 2 of")
class TestRefusesTheSameIdForEver(ExampleGateway):
    def submit(self, attempts: Sequence[Attempt]) -> None:
        seen = self.__dict__.setdefault("ever", set())
        super().submit([attempt for attempt in attempts if attempt.id not in seen])
        seen.update(attempt.id for attempt in attempts)


@broken("test_reconnecting_backs_off", "connections within")
class TestHammers(ExampleGateway):
    def start(self, sink: Sink) -> None:
        super().start(sink)
        threading.Thread(target=self.hammer, daemon=True).start()

    def hammer(self) -> None:
        (trunk,) = self.trunks.values()
        while not self._stopping:
            with contextlib.suppress(OSError):
                socket.create_connection((trunk.host, trunk.port)).close()


@broken("test_stopping_leaves_no_thread_and_no_socket", "no thread is left")
class TestLeavesAThread(ExampleGateway):
    def start(self, sink: Sink) -> None:
        super().start(sink)
        threading.Thread(target=time.sleep, args=(4.0,), daemon=True).start()


@broken("test_stopping_leaves_no_thread_and_no_socket", "no file is left")
class TestLeavesASocket(ExampleGateway):
    forgotten: ClassVar[list[socket.socket]] = []

    def start(self, sink: Sink) -> None:
        super().start(sink)
        self.forgotten.append(socket.socket())


@broken("test_stopping_leaves_no_thread_and_no_socket", "stopped twice")
class TestStopsOnce(ExampleGateway):
    def stop(self, timeout: float) -> None:
        if self._stopping:
            raise RuntimeError("stopped twice")
        super().stop(timeout)


@broken("test_stopping_before_starting_is_safe", "not started")
class TestCannotStopBeforeStart(ExampleGateway):
    def stop(self, timeout: float) -> None:
        if self._sink is None:
            raise RuntimeError("not started")
        super().stop(timeout)


@broken("test_stopping_while_nothing_answers_leaves_nothing", "outcome 1 of")
class TestForgetsWhatIsUnderWay(ExampleGateway):
    workers = 2

    def stop(self, timeout: float) -> None:
        self._sink = None
        super().stop(timeout)


# Safety.


class Concatenates(ExampleGateway):
    """Builds its JSON by hand, as too many do: ``field`` goes in as it is."""

    field = ""

    def send(self, attempt: Attempt, trunk: Trunk) -> Submitted | Delivered | Failed:
        values = {"id": attempt.id, "from": attempt.source, "text": attempt.plan.first.data["text"]}
        values |= {"from": attempt.plan.first.data.get("from", attempt.source), "to": attempt.destination}
        members = [
            f'"{name}":"{value}"' if name == self.field else f'"{name}":{msgspec.json.encode(value).decode()}'
            for name, value in sorted(values.items(), reverse=True)
        ]
        import http.client

        connection = http.client.HTTPConnection(trunk.host, trunk.port, timeout=self._timeout)
        try:
            headers = {"Authorization": f"Bearer {trunk.password}"}
            connection.request("POST", "/messages", ("{" + ",".join(members) + "}").encode(), headers)
            connection.getresponse().read()
        except OSError as error:
            raise GatewayUncertain("no answer") from error
        finally:
            connection.close()
        return Submitted(attempt_id=attempt.id, at=utc_now())


@broken("test_a_hostile_text_is_only_a_text", "is only a text, and is refused|a second command|arrived")
class TestTextIsNotEscaped(Concatenates):
    field = "text"


@broken("test_a_hostile_value_makes_no_second_command", "a second command|arrived")
class TestSenderIsNotEscaped(Concatenates):
    field = "from"


@broken("test_a_hostile_value_makes_no_second_command", "a second command|arrived")
class TestDestinationIsNotEscaped(Concatenates):
    field = "to"


class Splitting(ExampleGateway):
    """Sends each line of a text as a message of its own: what a line protocol does without escaping."""

    def send(self, attempt: Attempt, trunk: Trunk) -> Submitted | Delivered | Failed:
        result: Submitted | Delivered | Failed | None = None
        for number, text in enumerate(attempt.plan.first.data["text"].split("\n")):
            part = msgspec.structs.replace(
                attempt, plan=replace(attempt.plan, steps=(replace(attempt.plan.first, data={"text": text}),))
            )
            with contextlib.suppress(GatewayError) if number else contextlib.nullcontext():
                result = super().send(part, trunk)
        assert result is not None
        return result


@broken("test_a_hostile_text_is_only_a_text", "arrived")
class TestLineBreakIsASecondMessage(Splitting):
    pass


@broken("test_any_mixture_of_hostile_pieces_is_only_a_text", "arrived|not within")
class TestLineBreakInAMixture(Splitting):
    pass


class Narrow(ExampleGateway):
    def send(self, attempt: Attempt, trunk: Trunk) -> Submitted | Delivered | Failed:
        text = attempt.plan.first.data["text"].encode("latin-1", "replace").decode("latin-1")
        plan = replace(attempt.plan, steps=(replace(attempt.plan.first, data={"text": text}),))
        return super().send(msgspec.structs.replace(attempt, plan=plan), trunk)


@broken("test_foreign_letters_survive_on_the_way_out", "assert")
class TestLosesLetters(Narrow):
    pass


@broken("test_no_secret_is_told", "a secret is told")
class TestLogsThePassword(ExampleGateway):
    def send(self, attempt: Attempt, trunk: Trunk) -> Submitted | Delivered | Failed:
        logging.getLogger("example").debug("Authorization: Bearer %s", trunk.password)
        return super().send(attempt, trunk)


@broken("test_no_secret_is_told", "a secret is told")
class TestShowsThePassword(ExampleGateway):
    def __repr__(self) -> str:
        return f"ExampleGateway({[trunk.password for trunk in self.trunks.values()]})"


@broken("test_no_secret_is_told", "a secret is told")
class TestErrorHasThePassword(ExampleGateway):
    def send(self, attempt: Attempt, trunk: Trunk) -> Submitted | Delivered | Failed:
        try:
            return super().send(attempt, trunk)
        except GatewayRejected as error:
            raise GatewayRejected(f"refused with {trunk.password}", vendor_code=error.vendor_code) from error


@broken("test_no_secret_is_told", "a secret is told")
class TestHealthHasTheToken(ExampleGateway):
    def health(self) -> Sequence[Health]:
        return [Health("carrier", "", {"token": self._listener._token})]


# Reports and inbound messages.


@broken("test_a_report_completes_its_attempt", "1 Delivered")
class TestIgnoresReports(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [] if isinstance(event, Delivered) else [event]


@broken("test_a_report_completes_its_attempt", "assert")
class TestReportIsForAnother(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Delivered):
            return [event, replace(event, attempt_id=self.last)]
        if isinstance(event, Submitted):
            self.last = event.attempt_id
        return [event]

    last = ""


@broken("test_a_bad_report_fails_its_attempt_with_a_cause", "1 Failed")
class TestEveryReportIsGood(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [Delivered(attempt_id=event.attempt_id, at=event.at)] if isinstance(event, Failed) else [event]


@broken("test_a_bad_report_fails_its_attempt_with_a_cause", "own word is missing")
class TestForgetsWhyItFailed(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [replace(event, vendor_code="", detail="")] if isinstance(event, Failed) else [event]


@broken("test_progress_is_not_the_end", "1 Progress|assert")
class TestProgressIsTheEnd(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [Delivered(attempt_id=event.attempt_id, at=event.at)] if isinstance(event, Progress) else [event]


@broken("test_a_repeated_report_can_be_recognised", "one report has two keys")
class TestReportsHaveFreshKeys(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [replace(event, key=new_attempt_id())] if isinstance(event, Delivered) else [event]


@broken("test_unknown_events_are_ignored_and_counted", "health counts")
class TestDoesNotCountTheUnknown(ExampleGateway):
    def health(self) -> Sequence[Health]:
        return [Health("carrier", self._fault)]


@broken("test_an_inbound_message_arrives_as_it_was_sent", "assert")
class TestLosesInboundLetters(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Received):
            return [replace(event, text=event.text.encode("ascii", "replace").decode())]
        return [event]


@broken("test_an_inbound_message_arrives_as_it_was_sent", "assert")
class TestSwapsTheSides(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [replace(event, called=event.caller, caller=event.called)] if isinstance(event, Received) else [event]


@broken("test_nothing_is_acknowledged_before_it_is_kept", "acknowledged before the receipt was confirmed")
class TestAcknowledgesTooEarly(ExampleGateway):
    class Hasty:
        def __init__(self, sink: Sink) -> None:
            self._sink = sink

        def put(self, events: Sequence[Event]) -> Receipt:
            self._sink.put(events)
            receipt = Receipt()
            receipt.confirm()
            return receipt

    def start(self, sink: Sink) -> None:
        super().start(self.Hasty(sink))


@broken("test_what_nobody_takes_is_refused", "taken, although nobody takes it")
class TestTakesWhatNobodyTakes(TestAcknowledgesTooEarly.Gateway):  # type: ignore[name-defined,misc]
    pass


@broken("test_a_repeated_inbound_message_has_the_same_key", "assert")
class TestInboundKeysAreFresh(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [replace(event, key=new_attempt_id())] if isinstance(event, Received) else [event]


@broken("test_a_repeated_inbound_message_has_the_same_key", "assert")
class TestInboundKeysAreAllTheSame(Filtered):
    def change(self, event: Event) -> Iterable[Event]:
        return [replace(event, key="message")] if isinstance(event, Received) else [event]
