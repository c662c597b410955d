"""Delivery reports: the tag that travels with a message and comes back, and the event that a report stands for."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from ictcore.spec import Delivered, Failed, Progress
from ictcore_gateway_kannel import translate
from ictcore_gateway_kannel.parts import PartLedger

log = logging.getLogger(__name__)

ID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
"""An attempt's id as it travels: a UUID in lower case."""
_TAG: Final = re.compile(rf"({ID})(?:/(\d{{1,3}})/(\d{{1,3}})(/relay)?)?")
_ONE: Final = re.compile(ID)
_STALE: Final = 2.0


class Tag(NamedTuple):
    """What travels with each part of a message.

    :ivar part: from 1; ``relay``: the provider has no final reports, so that "relayed" is the end.
    """

    attempt_id: str
    part: int = 1
    total: int = 1
    relay: bool = False

    def write(self) -> str:
        """The tag as text; the bare id in the commonest case."""
        if self.total == 1 and not self.relay:
            return self.attempt_id
        return f"{self.attempt_id}/{self.part}/{self.total}{'/relay' if self.relay else ''}"


def read_tag(text: str) -> Tag | None:
    """The tag that ``text`` is; ``None``: it is none of ours."""
    if len(text) == 36:
        return Tag(text) if _ONE.fullmatch(text) else None
    found = _TAG.fullmatch(text)
    if found is None or found[2] is None:
        return None
    part, total = int(found[2]), int(found[3])
    return Tag(found[1], part, total, found[4] is not None) if 1 <= part <= total <= 255 else None


class Reports:
    """Turns reports into events. Used by one thread.

    :param path: the file that keeps what is known of long messages, or ``None`` to keep nothing.
    :ivar fault: ``""``, or why that file cannot be written.
    :ivar unknown: reports that were not ours or had a bit that we do not know.
    """

    def __init__(self, path: Path | None) -> None:
        self._ledger = PartLedger(path)
        self.fault = ""
        self.unknown = 0

    def open(self) -> None:
        """Read what was written before. A file that cannot be read is a fault, not an error."""
        try:
            self._ledger.load()
        except OSError as error:
            log.error("parts of long messages cannot be read: %s", error)

    def event(
        self, tag: Tag | None, mask: int, text: str, now: datetime, when: int = -1, vendor_id: str = ""
    ) -> Delivered | Failed | Progress | None:
        """The event of one report, ``None`` when it tells nothing (then acknowledge it all the same).

        :param now: aware UTC; ``when``: epoch seconds at which Kannel got it, or -1.
        """
        if tag is None:
            self.unknown += 1
            return None
        at = datetime.fromtimestamp(when, UTC) if 0 < when < now.timestamp() - _STALE else now
        vendor_id = translate.message_id(text, vendor_id)
        event = translate.report(tag.attempt_id, mask, text, at, reports=not tag.relay, vendor_id=vendor_id)
        if event is None:
            self.unknown += 1
            return None
        if tag.total == 1:
            return event
        if isinstance(event, Failed):
            self._ledger.close(tag.attempt_id)
            detail = f"part {tag.part} of {tag.total}: {event.detail}"
            return Failed(
                attempt_id=tag.attempt_id, at=at, cause=event.cause, vendor_code=event.vendor_code, detail=detail
            )
        if isinstance(event, Delivered):
            if self._ledger.delivered(tag.attempt_id, tag.part, tag.total):
                return Delivered(
                    attempt_id=tag.attempt_id,
                    at=at,
                    vendor_id=event.vendor_id,
                    vendor_code=event.vendor_code,
                    amount=float(tag.total),
                    confirmed=event.confirmed,
                )
            name = f"part {tag.part} of {tag.total} delivered"
            return Progress(attempt_id=tag.attempt_id, at=at, key=f"part {tag.part}", name=name)
        return event

    def flush(self) -> None:
        """Write down what is known of long messages; call it before the events go to the sink."""
        try:
            self._ledger.flush()
            self.fault = ""
        except OSError as error:
            if not self.fault:
                log.error("parts of long messages cannot be written down: %s", error)
            self.fault = f"parts of long messages cannot be written down: {error.strerror or error}"

    def close(self) -> None:
        """Write what is left and close the file."""
        self._ledger.shut()
