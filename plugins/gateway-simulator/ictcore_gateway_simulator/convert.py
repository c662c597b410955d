"""Small translations: an outcome to an error, an attempt to a line of the journal, words to an inbound message."""

from __future__ import annotations

import re

from ictcore.spec import (
    Attempt,
    GatewayError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    Part,
    Received,
    new_attempt_id,
    utc_now,
)
from ictcore_gateway_simulator.journal import Entry
from ictcore_gateway_simulator.outcomes import LOST, REFUSED, THROTTLED, UNAVAILABLE, Outcome

NAME = "simulator"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def possible(destination: str) -> bool:
    """Whether a carrier would look at the address at all: it is not empty and has no control character."""
    return bool(destination) and not _CONTROL.search(destination)


def error_of(outcome: Outcome) -> GatewayError | None:
    """What the submission is answered with; ``None``: it is taken."""
    if outcome.answer == THROTTLED:
        return GatewayThrottled("the carrier asks for patience", retry_after=1.0, vendor_code=outcome.name)
    if outcome.answer == UNAVAILABLE:
        return GatewayUnavailable("the carrier cannot be reached", vendor_code=outcome.name)
    if outcome.answer == REFUSED:
        return GatewayRejected("the carrier refuses it", cause=outcome.cause, vendor_code=outcome.name)
    if outcome.answer == LOST:
        return GatewayUncertain("the answer of the carrier was lost", vendor_code=outcome.name)
    return None


def entry_of(attempt: Attempt, outcome: Outcome, seconds: float) -> Entry:
    """The line of the journal."""
    data = attempt.plan.first.data
    return Entry(
        at=seconds,
        id=attempt.id,
        service=attempt.service,
        source=str(data.get("from") or attempt.source),
        destination=attempt.destination,
        outcome=outcome.name,
        text=str(data.get("text", "")),
        subject=_CONTROL.sub(" ", str(data.get("subject", ""))),
        html=str(data.get("html", "")),
    )


def received(
    service: str,
    *,
    called: str,
    caller: str,
    text: str = "",
    subject: str = "",
    html: str = "",
    parts: tuple[Part, ...] = (),
    key: str = "",
) -> Received:
    """An inbound message that has just come in.

    :param key: the same for a message that comes again; ``""``: a new one.
    """
    return Received(
        service=service,
        gateway=NAME,
        called=called,
        caller=caller,
        key=key or new_attempt_id(),
        at=utc_now(),
        text=text,
        subject=subject,
        html=html,
        parts=parts,
        provider=NAME,
    )
