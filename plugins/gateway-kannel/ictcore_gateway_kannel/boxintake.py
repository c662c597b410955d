"""What bearerbox hands to us: reports and messages from phones. Acknowledged when they are stored, not before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from ictcore.spec import Event, Receipt, Refusal, Sink
from ictcore_gateway_kannel.inbound import Inbound, Joiner, Ready
from ictcore_gateway_kannel.outgoing import Outcome, Outgoing, ends
from ictcore_gateway_kannel.reports import Reports, read_tag
from ictcore_gateway_kannel.transport import Names
from ictcore_gateway_kannel.wire import frames
from ictcore_gateway_kannel.wire.frames import Sms


class Batch:
    """The events of one read, in order, and the messages to acknowledge when they are stored.

    :ivar taken: ``(index of the event, id of the message)``; index -1: it tells nothing and is acknowledged anyway.
    """

    __slots__ = ("events", "taken")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.taken: list[tuple[int, bytes]] = []

    def take(self, event: Event | None, message_id: bytes) -> None:
        """Add an event that came with a message, or the message alone."""
        self.taken.append((-1 if event is None else len(self.events), message_id))
        if event is not None:
            self.events.append(event)


class Intake:
    """Lives in the connection's thread, but for what receipts call.

    :param find: the attempt of that id whose handing over is not finished, if it is ours.
    :param send: queue bytes for the connection of that generation. From any thread.
    """

    def __init__(
        self,
        reports: Reports,
        join_wait: float,
        names: Names,
        find: Callable[[str], Outgoing | None],
        send: Callable[[int, bytes], None],
    ) -> None:
        self.sink: Sink | None = None
        self.generation = 0
        self.unknown = 0
        self._reports = reports
        self._names = names
        self._find = find
        self._send = send
        self._joiner = Joiner(join_wait)

    @property
    def waiting(self) -> int:
        """Long messages from phones whose parts are not all here."""
        return len(self._joiner)

    def message(self, frame: Sms, now: datetime, batch: Batch) -> None:
        """One message from bearerbox."""
        if frame.kind == frames.REPORT_MO:
            self._report(frame, now, batch)
        elif frame.kind == frames.MO:
            self._add(self._joiner.add(self._inbound(frame), time.monotonic()), batch)
        else:
            self.unknown += 1
            batch.take(None, frame.id)

    def _report(self, frame: Sms, now: datetime, batch: Batch) -> None:
        event = self._reports.event(
            read_tag(frame.dlr_url.decode("ascii", "replace")),
            frame.dlr_mask,
            frame.data.decode("utf-8", "replace") if frame.data else "",
            now,
            frame.time,
            frame.foreign_id.decode("utf-8", "replace") if frame.foreign_id else "",
        )
        outgoing = None if event is None else self._find(event.attempt_id)
        if event is not None and outgoing is not None:
            outgoing.hold(event, frame.id)
        else:
            batch.take(event, frame.id)

    def release(self, outgoing: Outgoing, outcome: Outcome, batch: Batch) -> None:
        """Let the reports that overtook the outcome of an attempt follow it."""
        for report, handle in outgoing.held or ():
            assert isinstance(handle, bytes)
            batch.take(None if ends(outcome) else report, handle)
        outgoing.held = None

    def _inbound(self, frame: Sms) -> Inbound:
        return Inbound(
            id=frame.id.decode("ascii", "replace"),
            caller=frame.sender.decode("utf-8", "replace"),
            called=frame.receiver.decode("utf-8", "replace"),
            data=frame.data,
            udh=frame.udh,
            coding=frame.coding,
            charset=frame.charset.decode("ascii", "replace"),
            smsc=self._names(frame.smsc.decode("utf-8", "replace")),
            at=frame.time,
            handle=frame.id,
        )

    def _add(self, ready: Ready | None, batch: Batch) -> None:
        if ready is None:
            return
        index = len(batch.events)
        batch.events.append(ready.event)
        batch.taken.extend((index, handle) for handle in ready.handles if isinstance(handle, bytes))

    def tick(self, now: float) -> None:
        """Hand on long messages whose parts do not come. ``now``: monotonic seconds."""
        overdue = self._joiner.overdue(now)
        if overdue:
            batch = Batch()
            for ready in overdue:
                self._add(ready, batch)
            self.hand_over(batch)

    def lost(self, generation: int) -> None:
        """The connection is gone: what was not acknowledged comes again on the next one."""
        self.generation = generation
        self._joiner.clear()

    def hand_over(self, batch: Batch) -> None:
        """Put the events into the sink; acknowledge to bearerbox when they are stored."""
        if self.sink is None:
            return
        events, taken = batch.events, batch.taken
        if not taken:
            if events:
                self.sink.put(events)
            return
        self._reports.flush()
        if not events:
            self._acknowledge(self.generation, (), taken)
            return
        generation = self.generation

        def stored(receipt: Receipt) -> None:
            self._acknowledge(generation, receipt.refusals, taken)

        self.sink.put(events).then(stored)

    def _acknowledge(self, generation: int, refusals: Sequence[Refusal | None], taken: list[tuple[int, bytes]]) -> None:
        if any(refusals):
            acks = [
                frames.ack(message_id, frames.ACK_FAILED if index >= 0 and refusals[index] else frames.ACK_SUCCESS)
                for index, message_id in taken
            ]
        else:
            prefix = frames.ack(b"")
            acks = [prefix + message_id for _, message_id in taken]
        self._send(generation, b"".join(acks))
