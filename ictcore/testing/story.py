"""Whether the events of an attempt tell a story that can be true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from ictcore.domain.attempt import FINAL, QUEUED, SUBMITTING, apply
from ictcore.spec import (
    AttemptEvent,
    Delivered,
    Event,
    Failed,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    NotSubmitted,
    Received,
    Submitted,
    utc_now,
)

ERRORS: Final = (
    GatewayUnavailable,
    GatewayThrottled,
    GatewayRejected,
    GatewayMisconfigured,
    GatewayUncertain,
    GatewayProtocolError,
)
"""The six classes of failure; each is a decision."""

OUTCOMES: Final = (Submitted, NotSubmitted, Delivered, Failed)
"""What a submission may end with."""


def check_story(events: Sequence[AttemptEvent]) -> str:
    """Return the state that ``events`` of one attempt, submitted once or again after each return to the queue, lead to.

    :raises AssertionError: an event that cannot come at its place, a failure that is none of the six classes, a time
        without zone or in the future.
    """
    state = SUBMITTING
    seen: set[tuple[type, str]] = set()
    begun = False
    for number, event in enumerate(events):
        where = f"event {number} of {[type(each).__name__ for each in events]}: {event!r}"
        assert event.at.tzinfo is not None, f"a time without a zone in {where}"
        assert event.at <= utc_now() + timedelta(minutes=1), f"a time in the future in {where}"
        if isinstance(event, NotSubmitted):
            assert isinstance(event.error, ERRORS), f"a failure that is no decision in {where}"
        if state == QUEUED:  # nothing had left; the dispatcher submits the same id again
            state, begun = SUBMITTING, False
        name = (type(event), event.key)
        if state in FINAL:
            assert name in seen, f"after the end comes {where}"
            continue
        if isinstance(event, (Submitted, NotSubmitted)):
            assert not begun, f"a second outcome of one submission: {where}"
        assert begun or isinstance(event, OUTCOMES), f"before the outcome of its submission comes {where}"
        begun = True
        seen.add(name)
        state = apply(state, event).state or state
    return state


def stories(events: Iterable[Event], attempt_ids: Iterable[str]) -> dict[str, list[AttemptEvent]]:
    """The events of each attempt, in order.

    :raises AssertionError: an event is about an attempt that nobody submitted.
    """
    result: dict[str, list[AttemptEvent]] = {attempt_id: [] for attempt_id in attempt_ids}
    for event in events:
        if isinstance(event, Received):
            continue
        assert event.attempt_id in result, f"an event of an attempt that nobody submitted: {event!r}"
        result[event.attempt_id].append(event)
    return result
