"""The transport by Kannel's box protocol: messages, answers, reports and inbound messages on one connection."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from ictcore.spec import Event, GatewayUnavailable, GatewayUncertain, Health, Receipt, Refusal, Sink, Submitted, utc_now
from ictcore_gateway_kannel.config import Config
from ictcore_gateway_kannel.inbound import Inbound, Joiner, Ready
from ictcore_gateway_kannel.outgoing import Outcome, Outgoing, Seen, ends, gone_back
from ictcore_gateway_kannel.reports import Reports, Tag, read_tag
from ictcore_gateway_kannel.text import header
from ictcore_gateway_kannel.translate import ack_error
from ictcore_gateway_kannel.transport import Message, Names, Route
from ictcore_gateway_kannel.wire import frames
from ictcore_gateway_kannel.wire.box import BoxConnection
from ictcore_gateway_kannel.wire.frames import Ack, Admin, Frame, Sms, Stencil

log = logging.getLogger(__name__)

_CHUNK: Final = 400
_LATE: Final = 20_000
_packed = lru_cache(maxsize=4096)(lambda value: frames.text(value.encode()))
_Piece = tuple[bytes, bytes, Outgoing]
"""A frame, the id that it is acknowledged with, and the attempt that it is a part of."""


class BoxTransport:
    """One connection to bearerbox. ``submit`` packs; everything else happens in the connection's thread.

    :param names: from a link's ``smsc-id`` to the provider's name, for inbound messages.
    """

    def __init__(self, config: Config, reports: Reports, seen: Seen, names: Names) -> None:
        self._config = config
        self._reports = reports
        self._seen = seen
        self._names = names
        self._joiner = Joiner(config.join_wait)
        self._connection = BoxConnection(config.host, config.box_port, self)
        self._sink: Sink | None = None
        self._box_name = config.box_name.encode()
        self._stencils: dict[str, Stencil] = {}
        self._lock = threading.Lock()
        self._waiting: deque[_Piece] = deque()
        self._control: list[bytes] = []
        self._pending: dict[bytes, Outgoing] = {}
        self._long: dict[str, Outgoing] = {}
        self._late: dict[bytes, Outgoing] = {}
        self._last: list[_Piece] = []
        self._under_way = 0
        self._generation = 0
        self._suspended = False
        self._ending = False
        self._stalled = False
        self._stopping = False
        self._ended = False
        self._next_beat = 0.0
        self._reference = secrets.randbelow(256)
        self._unknown = 0

    # From any thread

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._connection.start()

    def room(self) -> int:
        if self._stopping or self._suspended or self._ending or not self._connection.connected:
            return 0
        if self._stalled:
            return 0 if self._under_way else 1  # one at a time, to see whether it answers again
        return max(0, self._config.window - self._under_way)

    def submit(self, messages: Sequence[Message]) -> None:
        now = int(time.time())
        stamp = frames.number(now)
        pieces: list[_Piece] = []
        for message in messages:
            self._pack(message, stamp, pieces)
        with self._lock:
            self._waiting.extend(pieces)
            self._under_way += len(messages)
            ended = self._ended
        if ended:
            self._give_back(GatewayUnavailable("the gateway has stopped"))
        else:
            self._connection.wake()

    def _pack(self, message: Message, stamp: bytes, pieces: list[_Piece]) -> None:
        outgoing, sender, receiver, encoded, route, validity = message
        stencil = self._stencils.get(route.smsc) or self._stencil(route)
        packed_sender = _packed(sender)
        packed_receiver = frames.text(receiver.encode())
        attempt_id = outgoing.id.encode()
        if len(encoded.packed) == 1 and not route.relay:
            options = frames.options(
                coding=encoded.coding,
                mclass=route.mclass,
                validity=validity,
                dlr_mask=route.dlr_mask,
                dlr_url=attempt_id if route.dlr_mask else b"",
            )
            part = frames.UNSET + encoded.packed[0]
            frame = stencil.pack(packed_sender, packed_receiver, part, stamp, attempt_id, options)
            pieces.append((frame, attempt_id, outgoing))
            return
        total = len(encoded.packed)
        self._reference = reference = (self._reference + 1) & 0xFF
        for number, data in enumerate(encoded.packed, 1):
            tag = Tag(outgoing.id, number, total, route.relay).write().encode() if route.dlr_mask else b""
            options = frames.options(
                coding=encoded.coding, mclass=route.mclass, validity=validity, dlr_mask=route.dlr_mask, dlr_url=tag
            )
            udh = frames.text(header(reference, total, number)) if total > 1 else frames.UNSET
            wire_id = attempt_id if total == 1 else attempt_id[:-2] + b"%02x" % number
            frame = stencil.pack(packed_sender, packed_receiver, udh + data, stamp, wire_id, options)
            pieces.append((frame, wire_id, outgoing))

    def _stencil(self, route: Route) -> Stencil:
        stencil = Stencil(smsc=route.smsc.encode(), boxc_id=self._box_name)
        if len(self._stencils) > 1000:
            self._stencils.clear()
        self._stencils[route.smsc] = stencil
        return stencil

    def health(self) -> Sequence[Health]:
        fault = self._connection.fault
        if not fault and self._suspended:
            fault = "bearerbox has suspended us"
        if not fault and self._ending:
            fault = "bearerbox is going down"
        if not fault and self._stalled:
            fault = f"bearerbox has not answered for {self._config.timeout:g} seconds"
        detail = {
            "under_way": self._under_way,
            "window": self._config.window,
            "unknown_events": self._unknown + self._connection.unknown + self._reports.unknown,
            "inbound_waiting_for_parts": len(self._joiner),
        }
        return (Health("kannel bearerbox", fault, detail),)

    def stop(self, timeout: float) -> None:
        self._stopping = True
        self._connection.stop(timeout)

    # From the connection's thread

    def opened(self) -> bytes:
        self._suspended = self._ending = self._stalled = False
        self._next_beat = time.monotonic() + self._config.heartbeat
        return frames.admin(frames.IDENTIFY, self._box_name)

    def chunk(self) -> bytes:
        with self._lock:
            control, self._control = self._control, []
            room = 0 if self._suspended or self._ending else min(_CHUNK, self._config.window - len(self._pending))
            waiting = self._waiting
            if not waiting or room <= 0:
                self._last = []
                return b"".join(control)
            if room >= len(waiting):
                pieces = list(waiting)
                waiting.clear()
            else:
                pieces = [waiting.popleft() for _ in range(room)]
        now = time.monotonic()
        pending = self._pending
        for frame, wire_id, outgoing in pieces:
            control.append(frame)
            pending[wire_id] = outgoing
            outgoing.sent_at = now
            if outgoing.total > 1:
                self._long[outgoing.id] = outgoing
        self._last = pieces
        return b"".join(control)

    def finished(self) -> bool:
        return not self._pending and not self._control and (not self._waiting or self._suspended or self._ending)

    def received(self, batch: list[Frame]) -> None:
        now = utc_now()
        events: list[Event] = []
        taken: list[tuple[int, bytes]] = []
        pending = self._pending
        done = 0
        for frame in batch:
            if type(frame) is Ack:
                outgoing = pending.pop(frame.id, None)
                if outgoing is None:
                    self._answered_late(frame, now, events)
                    continue
                error = ack_error(frame.nack) if frame.nack else None
                event = outgoing.accept(now) if error is None else outgoing.refuse(error, now)
                if event is not None:
                    done += 1
                    events.append(event)
                    if error is not None:
                        gone_back(event, self._seen)
                    if outgoing.total > 1:
                        self._long.pop(outgoing.id, None)
                    if outgoing.held is not None:
                        self._release(outgoing, event, events, taken)
            elif type(frame) is Sms:
                self._message(frame, now, events, taken)
            elif type(frame) is Admin:
                self._command(frame)
        if done:
            self._stalled = False
            with self._lock:
                self._under_way -= done
        if events or taken:
            self._hand_over(events, taken)

    def _message(self, frame: Sms, now: datetime, events: list[Event], taken: list[tuple[int, bytes]]) -> None:
        if frame.kind == frames.REPORT_MO:
            event = self._reports.event(
                read_tag(frame.dlr_url.decode("ascii", "replace")),
                frame.dlr_mask,
                frame.data.decode("utf-8", "replace") if frame.data else "",
                now,
                frame.time,
                frame.foreign_id.decode("utf-8", "replace") if frame.foreign_id else "",
            )
            if event is None:
                taken.append((-1, frame.id))
                return
            outgoing = self._pending.get(event.attempt_id.encode()) or self._long.get(event.attempt_id)
            if outgoing is not None:
                outgoing.hold(event, frame.id)
                return
            taken.append((len(events), frame.id))
            events.append(event)
        elif frame.kind == frames.MO:
            ready = self._joiner.add(self._inbound(frame), time.monotonic())
            if ready is not None:
                self._ready(ready, events, taken)
        else:
            self._unknown += 1
            taken.append((-1, frame.id))

    def _release(
        self, outgoing: Outgoing, outcome: Outcome, events: list[Event], taken: list[tuple[int, bytes]]
    ) -> None:
        """Let the reports that overtook the outcome follow it."""
        for report, handle in outgoing.held or ():
            assert isinstance(handle, bytes)
            if ends(outcome):
                taken.append((-1, handle))
            else:
                taken.append((len(events), handle))
                events.append(report)
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

    def _ready(self, ready: Ready, events: list[Event], taken: list[tuple[int, bytes]]) -> None:
        index = len(events)
        events.append(ready.event)
        taken.extend((index, handle) for handle in ready.handles if isinstance(handle, bytes))

    def _hand_over(self, events: list[Event], taken: list[tuple[int, bytes]]) -> None:
        """Put ``events`` into the sink; acknowledge ``taken`` to bearerbox when they are stored, not before."""
        if not taken:
            if self._sink is not None:
                self._sink.put(events)
            return
        self._reports.flush()
        if not events:
            self._acknowledge(self._generation, (), taken)
            return
        generation = self._generation

        def stored(receipt: Receipt) -> None:
            self._acknowledge(generation, receipt.refusals, taken)

        assert self._sink is not None
        self._sink.put(events).then(stored)

    def _acknowledge(self, generation: int, refusals: Sequence[Refusal | None], taken: list[tuple[int, bytes]]) -> None:
        if any(refusals):
            acks = [
                frames.ack(message_id, frames.ACK_FAILED if index >= 0 and refusals[index] else frames.ACK_SUCCESS)
                for index, message_id in taken
            ]
        else:
            prefix = frames.ack(b"")
            acks = [prefix + message_id for _, message_id in taken]
        with self._lock:
            if generation != self._generation:
                return  # that connection is gone: bearerbox hands them over again, and their keys are known
            self._control.append(b"".join(acks))
        self._connection.wake()

    def _answered_late(self, frame: Ack, now: datetime, events: list[Event]) -> None:
        outgoing = self._late.pop(frame.id, None)
        if outgoing is None:
            self._unknown += 1
        elif frame.nack in (frames.ACK_SUCCESS, frames.ACK_BUFFERED) and outgoing.total == 1:
            self._stalled = False
            events.append(Submitted(attempt_id=outgoing.id, at=now) if outgoing.reports else outgoing.delivered(now))

    def _command(self, frame: Admin) -> None:
        if frame.command == frames.SUSPEND:
            self._suspended = True
        elif frame.command == frames.RESUME:
            self._suspended = False
        elif frame.command in (frames.SHUTDOWN, frames.RESTART):
            self._ending = True
            self._give_back(GatewayUnavailable("bearerbox is going down"))
            self._connection.hang_up("bearerbox went down")

    def tick(self, now: float) -> None:
        connected = self._connection.connected
        if not connected and self._waiting:
            self._give_back(GatewayUnavailable("no connection to bearerbox"))
        if connected and now >= self._next_beat:
            self._next_beat = now + self._config.heartbeat
            with self._lock:
                self._control.append(frames.heartbeat(len(self._pending)))
        self._expire(now - self._config.timeout)
        overdue = self._joiner.overdue(now)
        if overdue:
            events: list[Event] = []
            taken: list[tuple[int, bytes]] = []
            for ready in overdue:
                self._ready(ready, events, taken)
            self._hand_over(events, taken)

    def _expire(self, before: float) -> None:
        """Whoever was sent before that moment and has no answer is uncertain from now on."""
        late: list[_Piece] = []
        for wire_id, outgoing in self._pending.items():  # in the order of sending
            if outgoing.sent_at > before:
                break
            late.append((b"", wire_id, outgoing))
        if not late:
            return
        self._stalled = True
        for _, wire_id, outgoing in late:
            del self._pending[wire_id]
            self._late[wire_id] = outgoing
            if len(self._late) > _LATE:
                del self._late[next(iter(self._late))]
        self._refuse(late, GatewayUncertain(f"no acknowledgement within {self._config.timeout:g} seconds"))

    def lost(self, unwritten: int, reason: str) -> None:
        """Nothing is known of what was written; what was not written may be sent another way."""
        with self._lock:
            self._ended = self._stopping
            self._generation += 1
            self._control.clear()
        self._joiner.clear()
        kept: list[_Piece] = []
        for piece in reversed(self._last):
            unwritten -= len(piece[0])
            if unwritten < 0:
                break
            kept.append(piece)
            self._pending.pop(piece[1], None)
        self._last = []
        for outgoing in self._pending.values():
            outgoing.held = None  # not acknowledged, so they come again
        written = [(b"", wire_id, outgoing) for wire_id, outgoing in self._pending.items()]
        self._pending.clear()
        self._refuse(written, GatewayUncertain("the connection broke before the acknowledgement came"))
        self._refuse(kept, GatewayUnavailable(reason))
        self._give_back(GatewayUnavailable(reason))
        if self._stopping:
            self._reports.close()

    def _give_back(self, error: GatewayUnavailable) -> None:
        with self._lock:
            pieces = list(self._waiting)
            self._waiting.clear()
        self._refuse(pieces, error)

    def _refuse(self, pieces: Sequence[_Piece], error: GatewayUnavailable | GatewayUncertain) -> None:
        if not pieces:
            return
        now = utc_now()
        events: list[Event] = []
        taken: list[tuple[int, bytes]] = []
        done = 0
        for _, _, outgoing in pieces:
            event = outgoing.refuse(error, now)
            if event is None:
                continue
            done += 1
            events.append(event)
            gone_back(event, self._seen)
            self._long.pop(outgoing.id, None)
            if outgoing.held is not None:
                self._release(outgoing, event, events, taken)
        with self._lock:
            self._under_way -= done
        if events:
            self._hand_over(events, taken)
