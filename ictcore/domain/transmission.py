"""A transmission: one program for one contact from one account, tried once or more often."""

from __future__ import annotations

from typing import Final

from ictcore.domain.errors import WrongState

PENDING: Final = "pending"
"""Made, and nobody has asked for it to be sent."""
PROCESSING: Final = "processing"
"""An attempt is queued, under way, or uncertain."""
COMPLETED: Final = "completed"
FAILED: Final = "failed"
INVALID: Final = "invalid"
"""It can never be sent: its address or program is wrong."""

STATUSES: Final = (PENDING, PROCESSING, COMPLETED, FAILED, INVALID)

OUTBOUND: Final = "outbound"
INBOUND: Final = "inbound"


def check_sendable(status: str) -> None:
    """Whether a new attempt may be made now: from ``pending`` and ``failed`` only.

    :raises WrongState: it is under way, done, or can never be sent.
    """
    if status == PROCESSING:
        raise WrongState("the transmission is already in process")
    if status == COMPLETED:
        raise WrongState("the transmission is completed; clone it to send it again")
    if status == INVALID:
        raise WrongState("the transmission is invalid and cannot be sent")
