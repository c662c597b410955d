"""The states of an attempt: every event in every state."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ictcore.domain import attempt, cause
from ictcore.domain.errors import (
    GatewayError,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
)
from ictcore.domain.event import Answered, Delivered, Failed, NotSubmitted, Progress, StepDone, Submitted

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ID = "0190"


def not_submitted(error: GatewayError) -> NotSubmitted:
    return NotSubmitted(attempt_id=ID, at=NOW, error=error)


EVENTS = {
    "submitted": Submitted(attempt_id=ID, at=NOW, vendor_id="v1"),
    "ringing": Progress(attempt_id=ID, at=NOW, name="ringing"),
    "answered": Answered(attempt_id=ID, at=NOW),
    "delivered": Delivered(attempt_id=ID, at=NOW, vendor_code="DELIVRD"),
    "failed": Failed(attempt_id=ID, at=NOW, cause=cause.BUSY, vendor_code="486"),
    "unavailable": not_submitted(GatewayUnavailable()),
    "throttled": not_submitted(GatewayThrottled(retry_after=7.0)),
    "rejected": not_submitted(GatewayRejected(cause=cause.UNALLOCATED, vendor_code="404")),
    "misconfigured": not_submitted(GatewayMisconfigured()),
    "uncertain": not_submitted(GatewayUncertain()),
    "nonsense": not_submitted(GatewayProtocolError()),
}

STAYS = None
TABLE = {
    #  event          queued  claimed      submitting   submitted    uncertain    completed failed
    "submitted":     (STAYS, "submitted", "submitted", STAYS, "submitted", STAYS, STAYS),
    "ringing":       (STAYS, "submitted", "submitted", STAYS, "submitted", STAYS, STAYS),
    "answered":      (STAYS, "submitted", "submitted", STAYS, "submitted", STAYS, STAYS),
    "delivered":     (STAYS, "completed", "completed", "completed", "completed", STAYS, STAYS),
    "failed":        (STAYS, "failed", "failed", "failed", "failed", STAYS, STAYS),
    "unavailable":   (STAYS, "queued", "queued", STAYS, STAYS, STAYS, STAYS),
    "throttled":     (STAYS, "queued", "queued", STAYS, STAYS, STAYS, STAYS),
    "rejected":      (STAYS, "failed", "failed", STAYS, STAYS, STAYS, STAYS),
    "misconfigured": (STAYS, "queued", "queued", STAYS, STAYS, STAYS, STAYS),
    "uncertain":     (STAYS, "uncertain", "uncertain", STAYS, STAYS, STAYS, STAYS),
    "nonsense":      (STAYS, "uncertain", "uncertain", STAYS, STAYS, STAYS, STAYS),
}  # fmt: skip
ORDER = ("queued", "claimed", "submitting", "submitted", "uncertain", "completed", "failed")
CASES = [(name, state, row[ORDER.index(state)]) for name, row in TABLE.items() for state in ORDER]


@pytest.mark.parametrize(("name", "state", "expected"), CASES, ids=[f"{n}-when-{s}" for n, s, _ in CASES])
def test_every_event_in_every_state(name: str, state: str, expected: str | None) -> None:
    assert attempt.apply(state, EVENTS[name]).state == expected


def test_a_failed_attempt_keeps_its_cause_and_the_vendors_word() -> None:
    change = attempt.apply("submitted", EVENTS["failed"])
    assert (change.cause, change.vendor_code, change.ended_at) == (cause.BUSY, "486", NOW)
    assert ("error", cause.BUSY, "486") in change.results


def test_a_late_report_settles_what_was_given_up_as_uncertain() -> None:
    assert attempt.apply("failed", EVENTS["delivered"], cause=cause.UNCERTAIN).state == "completed"
    assert attempt.apply("failed", EVENTS["delivered"], cause=cause.BUSY).state is None


def test_a_bounce_fails_what_was_merely_handed_over() -> None:
    handed_over = attempt.apply("submitting", Delivered(attempt_id=ID, at=NOW, confirmed=False))
    assert (handed_over.state, handed_over.cause) == ("completed", cause.HANDED_OVER)
    assert attempt.apply("completed", EVENTS["failed"], cause=cause.HANDED_OVER).state == "failed"
    assert attempt.apply("completed", EVENTS["failed"], cause=cause.NORMAL) is attempt.NOTHING


def test_a_confirmation_after_the_hand_over_makes_it_certain() -> None:
    change = attempt.apply("completed", EVENTS["delivered"], cause=cause.HANDED_OVER)
    assert (change.state, change.cause) == (None, cause.NORMAL)
    again = Delivered(attempt_id=ID, at=NOW, confirmed=False)
    assert attempt.apply("completed", again, cause=cause.HANDED_OVER) is attempt.NOTHING


def test_throttling_tells_how_long_to_wait_and_to_try_another_provider() -> None:
    change = attempt.apply("submitting", EVENTS["throttled"])
    assert (change.requeue_after, change.failover) == (7.0, True)


def test_results_of_a_step_are_kept_even_when_the_attempt_has_ended() -> None:
    step = StepDone(attempt_id=ID, at=NOW, step="age", outcome="success", data={"key": "22"})
    assert attempt.apply("completed", step).results == (("application", "age", "success"), ("info", "key", "22"))


def test_an_unknown_cause_of_a_refusal_becomes_rejected() -> None:
    change = attempt.apply("submitting", not_submitted(GatewayRejected(cause="whatever")))
    assert change.cause == cause.REJECTED


def test_a_cause_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a cause"):
        Failed(attempt_id=ID, at=NOW, cause="bad luck")


@given(st.lists(st.sampled_from(sorted(EVENTS))))
def test_whatever_the_order_a_final_attempt_stays_final(names: list[str]) -> None:
    state, ended = "submitting", None
    for name in names:
        change = attempt.apply(state, EVENTS[name])
        assert change.state is None or change.state in attempt.STATES
        if ended is not None:
            assert change.state is None
        state = change.state or state
        if state == "queued":
            state = "submitting"  # a dispatcher takes it again
        if change.final:
            ended = state


@given(st.lists(st.sampled_from(sorted(EVENTS)), min_size=1), st.sampled_from(ORDER))
def test_a_repeated_event_changes_nothing_more(names: list[str], state: str) -> None:
    for name in names:
        once = attempt.apply(state, EVENTS[name])
        after = once.state or state
        if after != "queued":
            again = attempt.apply(after, EVENTS[name])
            assert again.state is None or not once.state
        state = after


def test_every_state_has_a_status_of_the_contract() -> None:
    assert set(attempt.CONTRACT_STATUS) == set(attempt.STATES)
    assert set(attempt.CONTRACT_STATUS.values()) == {"initiated", "completed", "failed"}
