"""What may become of an attempt: one table. The last four digits of a number, or the local part of an address, choose.

``busy@example.com`` and ``busy+anything@example.com`` are busy, and so is every number that ends in ``0001``. Whatever
the table does not have is delivered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ictcore.spec import cause

TAKEN: Final = "taken"
REFUSED: Final = "refused"
THROTTLED: Final = "throttled"
UNAVAILABLE: Final = "unavailable"
LOST: Final = "lost"
"""It left, and the answer did not come back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the table.

    :ivar ending: the last four digits of the number.
    :ivar answer: what happens to the submission: one of the words above.
    :ivar cause: ``normal``: it is delivered; else the cause of its failure.
    :ivar reports: how many final reports come.
    :ivar late: the report takes ``simulator.late`` seconds instead of ``simulator.delay``.
    :ivar early: the report comes before the acknowledgement of the submission.
    :ivar once: the submission is answered like this the first time only, and taken the next time.
    :ivar meaning: for the reader of the table.
    """

    name: str
    ending: str
    meaning: str
    answer: str = TAKEN
    cause: str = cause.NORMAL
    reports: int = 1
    late: bool = False
    early: bool = False
    once: bool = False


DELIVERED = Outcome("delivered", "0000", "delivered after `simulator.delay` seconds")

OUTCOMES: tuple[Outcome, ...] = (
    DELIVERED,
    Outcome("busy", "0001", "fails: busy", cause=cause.BUSY),
    Outcome("noanswer", "0002", "fails: no answer", cause=cause.NO_ANSWER),
    Outcome("rejected", "0003", "fails: the called side rejects it", cause=cause.REJECTED),
    Outcome("unallocated", "0004", "fails: no such number or mailbox", cause=cause.UNALLOCATED),
    Outcome("temporary", "0005", "fails: try later", cause=cause.TEMPORARY),
    Outcome("unreachable", "0006", "fails: switched off or out of coverage", cause=cause.UNREACHABLE),
    Outcome("content", "0007", "fails: the content is refused", cause=cause.CONTENT),
    Outcome("expired", "0008", "fails: not delivered within its validity", cause=cause.EXPIRED),
    Outcome("congestion", "0009", "fails: the network has no room", cause=cause.CONGESTION),
    Outcome("late", "0010", "delivered after `simulator.late` seconds", late=True),
    Outcome("duplicate", "0011", "delivered, and the report comes twice", reports=2),
    Outcome("disorder", "0012", "delivered, and the report comes before the acknowledgement", early=True),
    Outcome("silent", "0013", "taken, and no report ever comes", reports=0),
    Outcome("throttled", "0014", "not taken: the carrier asks for a second of patience", answer=THROTTLED),
    Outcome("unavailable", "0015", "not taken: the carrier cannot be reached", answer=UNAVAILABLE),
    Outcome("flaky", "0016", "not taken the first time, delivered the next", answer=UNAVAILABLE, once=True),
    Outcome("refused", "0017", "not taken: the carrier refuses it for good", answer=REFUSED, cause=cause.FORBIDDEN),
    Outcome("uncertain", "0018", "it leaves, and nobody ever learns what became of it", answer=LOST, reports=0),
    Outcome("lost", "0019", "it leaves, the answer is lost, and a report settles it later", answer=LOST, late=True),
)  # fmt: skip

BY_NAME = {outcome.name: outcome for outcome in OUTCOMES}
BY_ENDING = {outcome.ending: outcome for outcome in OUTCOMES}
DIGIT_ENDINGS = {f"002{digit}": str(digit) for digit in range(10)}
"""Last four digits of a number -> the digit that the called person presses at every menu."""
MACHINE_ENDING = "0030"
"""Last four digits of a number that an answering machine answers."""


def choose(destination: str) -> Outcome:
    """The outcome of an attempt to this number or address."""
    local, at, _ = destination.rpartition("@")
    if at:
        return BY_NAME.get(local.partition("+")[0].lower(), DELIVERED)
    return BY_ENDING.get(destination[-4:], DELIVERED)


def table() -> str:
    """The table in Markdown; the documentation holds exactly this text."""
    lines = ["| Number ends in | Local part | What happens |", "|---|---|---|"]
    lines += [f"| `{each.ending}` | `{each.name}` | {each.meaning} |" for each in OUTCOMES]
    lines += [
        "| `0020` … `0029` | | a call is answered, and the last digit is pressed at every menu |",
        f"| `{MACHINE_ENDING}` | | a call is answered by a machine |",
        "| anything else | anything else | delivered |",
    ]
    return "\n".join(lines) + "\n"
