"""Waiting for events in a test."""

from __future__ import annotations

from ictcore.spec import Attempt, Delivered, Event, Failed, Received
from ictcore.testing import MemorySink


def ended(sink: MemorySink, attempt: Attempt) -> Delivered | Failed:
    """Wait for the final event of an attempt."""

    def final(events: list[Event]) -> bool:
        return any(isinstance(event, (Delivered, Failed)) and event.attempt_id == attempt.id for event in events)

    sink.wait_for(final)
    (event,) = (event for event in sink.of(attempt.id) if isinstance(event, (Delivered, Failed)))
    return event


def received(sink: MemorySink, count: int = 1) -> list[Received]:
    """Wait for inbound messages."""

    def found(events: list[Event]) -> list[Received]:
        return [event for event in events if isinstance(event, Received)]

    return found(sink.wait_for(lambda events: len(found(events)) >= count))
