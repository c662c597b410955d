"""The life of an attempt, event by event."""

from __future__ import annotations

from typing import Any

import pytest

from ictcore.spec import (
    Answered,
    GatewayError,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    Progress,
    StepDone,
    cause,
)
from tests.dispatch.world import World, silence


def test_a_due_attempt_is_sent_and_completed(world: World) -> None:
    provider = world.provider()
    [uuid] = world.send(to="+44123")
    dispatcher = world.dispatcher()
    dispatcher.turn()
    [attempt] = world.gateway.sent
    assert (attempt.id, attempt.service, attempt.source, attempt.destination) == (uuid, "sms", "+1", "+44123")
    assert attempt.trunk == provider
    assert attempt.tries == 1
    assert world.spool(uuid, "state", "provider_id", "time_start") == ("submitting", provider, world.clock.epoch)
    world.clock.advance(3)
    dispatcher.turn()
    assert world.spool(uuid, "state", "cause", "worker_id", "deadline_at") == ("completed", "normal", None, None)
    assert world.transmission(uuid, "status", "try_done", "last_run") == ("completed", 1, world.clock.epoch - 3)


def test_submitting_is_committed_before_the_gateway_is_asked(world: World, url: str) -> None:
    from ictcore.store.database import Store

    world.provider()
    [uuid] = world.send()
    seen: list[Any] = []
    other = Store(url)

    def look(attempt: Any) -> Any:
        seen.append(other.value("SELECT state FROM spool WHERE uuid = ?", (uuid,)))
        return ()

    world.gateway.answer = look
    world.dispatcher().turn()
    other.close()
    assert seen == ["submitting"]


def test_an_attempt_before_its_time_waits(world: World) -> None:
    world.provider()
    [uuid] = world.send(not_before=world.clock.epoch + 60)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    assert world.state(uuid) == "queued"
    world.clock.advance(61)
    dispatcher.turn()
    assert world.state(uuid) == "submitting"


def test_a_report_that_comes_later_completes(world: World) -> None:
    world.provider()
    [uuid] = world.send()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.submitted(attempt, vendor_id="v1")]
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert world.spool(uuid, "state", "vendor_id", "deadline_at") == ("submitted", "v1", world.clock.epoch + 3600)
    gateway.put(gateway.delivered(uuid, vendor_code="DELIVRD", amount=2.0, data={"parts": "2"}))
    dispatcher.turn()
    assert world.spool(uuid, "state", "vendor_id", "vendor_code", "amount") == ("completed", "v1", "DELIVRD", 2.0)
    assert sorted(world.results(uuid)) == [("application", "sms_send", "success"), ("info", "parts", "2")]


@pytest.mark.parametrize("reread", [False, True], ids=["remembered", "read again"])
@pytest.mark.parametrize(
    ("order", "state", "why"),
    [
        ("SD", "completed", "normal"),
        ("DS", "completed", "normal"),
        ("SDD", "completed", "normal"),
        ("SPD", "completed", "normal"),
        ("DPS", "completed", "normal"),
        ("SF", "failed", "rejected"),
        ("FS", "failed", "rejected"),
        ("FD", "failed", "rejected"),
        ("DF", "completed", "normal"),
        ("SASD", "completed", "normal"),
        ("P", "submitted", ""),
        ("PS", "submitted", ""),
        ("DT", "completed", "normal"),
        ("TD", "completed", "normal"),
        ("STD", "completed", "normal"),
        ("SDT", "completed", "normal"),
        ("FT", "failed", "rejected"),
        ("ATPD", "completed", "normal"),
    ],
)
@pytest.mark.parametrize("batch", ["together", "apart"])
def test_events_in_any_order(world: World, order: str, state: str, why: str, batch: str, reread: bool) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = silence
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    make = {
        "S": lambda: gateway.submitted(uuid, vendor_id="x"),
        "D": lambda: gateway.delivered(uuid),
        "F": lambda: gateway.failed(uuid),
        "P": lambda: Progress(attempt_id=uuid, at=world.clock(), name="ringing"),
        "A": lambda: Answered(attempt_id=uuid, at=world.clock()),
        "T": lambda: StepDone(attempt_id=uuid, at=world.clock(), step="play", outcome="success"),
    }
    events = [make[letter]() for letter in order]
    for some in [events] if batch == "together" else [[event] for event in events]:
        if reread:
            dispatcher._desk.memory.clear()  # type: ignore[union-attr]
        receipt = gateway.put(*some)
        dispatcher.turn()
        assert receipt.wait(0)
        assert list(receipt.refusals) == [None] * len(some)
    assert world.spool(uuid, "state", "cause") == (state, why)
    steps = [("application", "play", "success")] if "T" in order else []
    if state in ("completed", "failed"):
        steps.append(("application", "sms_send", "success" if state == "completed" else "error"))
    assert sorted(row for row in world.results(uuid) if row[0] == "application") == steps
    expected = state if state in ("completed", "failed") else "processing"
    assert world.transmission(uuid, "status") == expected


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    ("later", "state", "why"),
    [
        ("delivered", "completed", "normal"),
        ("bounced", "failed", "unallocated"),
        ("handed over", "completed", "handed_over"),
    ],
)
def test_what_was_merely_handed_over_is_settled_by_a_report(
    world: World, later: str, state: str, why: str, apart: bool
) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = silence
    [uuid] = world.send(try_allowed=3)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    first = gateway.delivered(uuid, confirmed=False)
    second = {
        "delivered": gateway.delivered(uuid, key="report"),
        "bounced": gateway.failed(uuid, cause.UNALLOCATED),
        "handed over": gateway.delivered(uuid, confirmed=False, key="again"),
    }[later]
    if apart:
        gateway.put(first)
        dispatcher.turn()
        assert world.spool(uuid, "state", "cause") == ("completed", "handed_over")
        assert world.transmission(uuid, "status") == "completed"
        gateway.put(second)
    else:
        gateway.put(first, second)
    for _ in range(2):
        dispatcher.turn()
    assert world.spool(uuid, "state", "cause") == (state, why)
    assert world.transmission(uuid, "status") == state


def test_a_repeated_step_is_kept_once(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    step = StepDone(attempt_id=uuid, at=world.clock(), key="1", step="menu", outcome="5", data={"dtmf": "5"})
    for _ in range(2):
        world.gateway.put(step, step)
        dispatcher.turn()
    assert world.results(uuid) == [("application", "menu", "5"), ("info", "dtmf", "5")]
    assert dispatcher.counters["repeated"] == 3
    assert world.state(uuid) == "submitting"  # a step alone does not say that the submission is answered


def test_events_about_attempts_that_nobody_knows_are_kept_and_counted(world: World) -> None:
    world.provider()
    dispatcher = world.dispatcher()
    receipt = world.gateway.put(world.gateway.delivered("no-such-attempt", key="k"))
    dispatcher.turn()
    assert receipt.wait(0)
    assert dispatcher.counters["unknown"] == 1
    assert world.store.rows("SELECT key, kind FROM inbox") == [("no-such-attempt:Delivered:k", "Delivered")]


REQUEUED = [
    pytest.param(GatewayUnavailable("away"), 0.0, id="unavailable"),
    pytest.param(GatewayMisconfigured("wrong password"), 0.0, id="misconfigured"),
    pytest.param(GatewayThrottled("slowly", retry_after=7.0), 7.0, id="throttled"),
]


@pytest.mark.parametrize(("error", "delay"), REQUEUED)
def test_what_was_not_sent_goes_back_to_the_queue(world: World, error: GatewayError, delay: float) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, error)]
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert world.spool(uuid, "state", "tries", "worker_id", "time_start") == ("queued", 1, None, None)
    assert error.message in world.spool(uuid, "waiting_for")
    assert world.spool(uuid, "not_before") == world.clock.epoch + delay
    assert [sent.id for sent in gateway.sent] == [uuid]  # the provider is left alone for now
    gateway.answer = lambda attempt: [gateway.delivered(attempt)]
    world.clock.advance(max(delay, 2.0))
    dispatcher.turn()
    dispatcher.turn()
    assert [sent.id for sent in gateway.sent] == [uuid, uuid]
    assert world.spool(uuid, "state", "tries", "waiting_for") == ("completed", 1, "")


def test_a_refused_attempt_fails_with_the_cause_kept(world: World) -> None:
    world.provider()
    gateway = world.gateway
    error = GatewayRejected("no such number", cause=cause.UNALLOCATED, vendor_code="550")
    gateway.answer = lambda attempt: [gateway.refused(attempt, error)]
    [uuid] = world.send(try_allowed=5)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert world.spool(uuid, "state", "cause", "vendor_code", "response") == (
        "failed", "unallocated", "550", "no such number",
    )  # fmt: skip
    assert world.transmission(uuid, "status", "response") == ("failed", "no such number")
    assert world.results(uuid) == [("error", "unallocated", "no such number"), ("application", "sms_send", "error")]


RETRIES = [
    pytest.param(cause.BUSY, 3, [60.0, 120.0], id="busy, three allowed"),
    pytest.param(cause.TEMPORARY, 2, [10.0], id="temporary, two allowed"),
    pytest.param(cause.BUSY, 1, [], id="busy, one allowed"),
    pytest.param(cause.UNALLOCATED, 5, [], id="a number that does not exist"),
    pytest.param(cause.CONTENT, 5, [], id="refused content"),
]


@pytest.mark.parametrize(("why", "allowed", "delays"), RETRIES)
def test_retries_by_cause(world: World, why: str, allowed: int, delays: list[float]) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.failed(attempt, why)]
    [uuid] = world.send(try_allowed=allowed, to="+4477")
    dispatcher = world.dispatcher()
    waited = []
    for _ in range(allowed + 1):
        dispatcher.turn()
        dispatcher.turn()
        *_, (_, state, tries, not_before) = world.attempts_of(uuid)
        if state == "queued":
            assert world.transmission(uuid, "status", "try_done") == ("processing", tries - 1)
            waited.append(not_before - world.clock.epoch)
            world.clock.advance(waited[-1] + 1)
    assert waited == delays
    rows = world.attempts_of(uuid)
    assert [(state, tries) for _, state, tries, _ in rows] == [("failed", n + 1) for n in range(len(delays) + 1)]
    assert len({row[0] for row in rows}) == len(rows)
    assert {(sent.destination, sent.source) for sent in gateway.sent} == {("+4477", "+1")}
    assert [sent.tries for sent in gateway.sent] == list(range(1, len(delays) + 2))
    assert world.transmission(uuid, "status", "try_done") == ("failed", len(delays) + 1)


def test_texts_that_a_database_cannot_keep_are_mended(world: World) -> None:
    world.provider()
    gateway = world.gateway
    hostile = "a\x00b'\"\\;--\r\n\ud800ü"
    gateway.answer = lambda attempt: [
        gateway.failed(attempt, cause.REJECTED, detail=hostile, vendor_code=hostile, data={hostile: hostile})
    ]
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    mended = "a\ufffdb'\"\\;--\r\n?ü"
    assert world.spool(uuid, "state", "vendor_code", "response") == ("failed", mended, mended)
    assert ("info", mended, mended) in world.results(uuid)
    assert dispatcher.counters["broken"] == 0


def test_a_plan_that_cannot_be_read_fails_and_harms_nobody(world: World) -> None:
    world.provider()
    [bad] = world.send(plan="{nonsense")
    [good] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert world.spool(bad, "state", "cause") == ("failed", "internal")
    assert world.transmission(bad, "status") == "failed"
    assert world.state(good) == "completed"


def test_a_deleted_transmission_does_no_harm(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    [gone] = world.send()
    [stays] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    world.store.run("DELETE FROM transmission WHERE id = (SELECT transmission_id FROM spool WHERE uuid = ?)", (gone,))
    receipt = world.gateway.put(world.gateway.delivered(gone), world.gateway.delivered(stays))
    dispatcher.turn()
    dispatcher.turn()
    assert receipt.wait(0)
    assert world.state(stays) == "completed"


def test_committed_events_are_told_and_a_failing_listener_does_no_harm(world: World) -> None:
    world.provider()
    [uuid] = world.send()

    def break_down(events: Any) -> None:
        world.committed.extend(events)
        raise RuntimeError("listener")

    dispatcher = world.dispatcher(start=False)
    dispatcher._committed = break_down
    dispatcher.start()
    dispatcher.turn()
    dispatcher.turn()
    assert world.state(uuid) == "completed"
    assert [event.attempt_id for event in world.committed] == [uuid]  # type: ignore[union-attr]
