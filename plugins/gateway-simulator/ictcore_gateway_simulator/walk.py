"""A call or fax: the whole plan is walked, each step with an outcome, as a switch would."""

from __future__ import annotations

from datetime import datetime

from ictcore.spec import SUCCESS, Answered, Attempt, Delivered, Event, Failed, Step, StepDone, cause, next_step
from ictcore_gateway_simulator.outcomes import DIGIT_ENDINGS, MACHINE_ENDING, Outcome

LONGEST_WALK = 1000
"""Steps; a plan that goes round without end is stopped here."""


def walk(attempt: Attempt, outcome: Outcome, at: datetime, *, digit: str, answered_by: str) -> list[Event]:
    """Everything that is reported of one call, in order, the end included.

    :param digit: what the called person presses, unless the number chooses.
    :param answered_by: ``human`` or ``machine``, unless the number chooses.
    """
    first = attempt.plan.first
    if outcome.cause != cause.NORMAL:
        failed = StepDone(attempt_id=attempt.id, at=at, key="1", step=first.name, outcome="error")
        end = Failed(attempt_id=attempt.id, at=at, cause=outcome.cause, vendor_code=outcome.name)
        return [failed, end] if first.application == "originate" else [end]
    ending = attempt.destination[-4:]
    digit = DIGIT_ENDINGS.get(ending, digit)
    answered_by = "machine" if ending == MACHINE_ENDING else answered_by
    events: list[Event] = [Answered(attempt_id=attempt.id, at=at)]
    seconds, pages = 0, 0
    step: Step | None = first
    while step is not None:
        if len(events) > LONGEST_WALK:
            detail = f"the plan did not end within {LONGEST_WALK} steps"
            events.append(Failed(attempt_id=attempt.id, at=at, cause=cause.PROGRAM, detail=detail, amount=seconds))
            return events
        word, data = _result(step, digit, answered_by)
        events.append(
            StepDone(attempt_id=attempt.id, at=at, key=str(len(events)), step=step.name, outcome=word, data=data)
        )
        seconds += step.application not in ("originate", "disconnect")
        pages += int(data.get("pages", "0"))
        if step.application == "disconnect":
            break
        step = next_step(attempt.plan, step.name, word)
    amount = float(pages if attempt.service == "fax" else seconds)
    events.append(Delivered(attempt_id=attempt.id, at=at, vendor_code=outcome.name, amount=amount))
    return events


def _result(step: Step, digit: str, answered_by: str) -> tuple[str, dict[str, str]]:
    """The outcome of a step and what it found. Each step of a call counts one second."""
    if step.application == "menu":
        return digit, {"key": digit}
    if step.application == "input":
        return SUCCESS, {"key": digit}
    if step.application == "amd":
        return answered_by, {"amd": answered_by}
    if step.application == "record":
        return SUCCESS, {"duration": "1"}
    if step.application in ("fax_send", "fax_receive"):
        pages = step.data.get("pages", 1)
        return SUCCESS, {"pages": str(pages if isinstance(pages, int) and pages > 0 else 1)}
    return SUCCESS, {}
