"""The transport by Kannel's box protocol: messages, answers, reports and inbound messages on one connection."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ictcore.spec import GatewayUnavailable, GatewayUncertain, Health, Sink, Submitted, utc_now
from ictcore_gateway_kannel.boxintake import Batch, Intake
from ictcore_gateway_kannel.boxpack import Packer, Piece
from ictcore_gateway_kannel.config import Config
from ictcore_gateway_kannel.outgoing import Outgoing, Seen, gone_back
from ictcore_gateway_kannel.reports import Reports
from ictcore_gateway_kannel.translate import ack_error
from ictcore_gateway_kannel.transport import Message, Names
from ictcore_gateway_kannel.wire import frames
from ictcore_gateway_kannel.wire.box import BoxConnection
from ictcore_gateway_kannel.wire.frames import Ack, Admin, Frame, Sms

_CHUNK: Final = 400
"""Most messages that are written at once."""
_LATE: Final = 20_000
"""Most unanswered messages that a late acknowledgement can still settle."""


class BoxTransport:
    """One connection to bearerbox. ``submit`` packs; everything else happens in the connection's thread.

    :param names: from a link's ``smsc-id`` to the provider's name, for inbound messages.
    """

    def __init__(self, config: Config, reports: Reports, seen: Seen, names: Names) -> None:
        self._config = config
        self._reports = reports
        self._seen = seen
        self._packer = Packer(config.box_name)
        self._connection = BoxConnection(config.host, config.box_port, self)
        self._intake = Intake(reports, config.join_wait, names, self._unfinished, self._send)
        self._lock = threading.Lock()
        self._waiting: deque[Piece] = deque()
        self._control: list[bytes] = []
        self._pending: dict[bytes, Outgoing] = {}
        self._long: dict[str, Outgoing] = {}
        self._late: dict[bytes, Outgoing] = {}
        self._last: list[Piece] = []
        self._under_way = 0
        self._generation = 0
        self._suspended = False
        self._ending = False
        self._stalled = False
        self._stopping = False
        self._ended = False
        self._next_beat = 0.0
        self._unknown = 0

    # From any thread

    def start(self, sink: Sink) -> None:
        self._intake.sink = sink
        self._connection.start()

    def room(self) -> int:
        if self._stopping or self._suspended or self._ending or not self._connection.connected:
            return 0
        if self._stalled:
            return 0 if self._under_way else 1  # one at a time, to see whether it answers again
        return max(0, self._config.window - self._under_way)

    def submit(self, messages: Sequence[Message]) -> None:
        stamp = frames.number(int(time.time()))
        pieces: list[Piece] = []
        for message in messages:
            self._packer.pack(message, stamp, pieces)
        with self._lock:
            self._waiting.extend(pieces)
            self._under_way += len(messages)
            ended = self._ended
        if ended:
            self._give_back(GatewayUnavailable("the gateway has stopped"))
        else:
            self._connection.wake()

    def _send(self, generation: int, data: bytes) -> None:
        """Queue acknowledgements, unless the connection that they belong to is gone."""
        with self._lock:
            if generation != self._generation:
                return
            self._control.append(data)
        self._connection.wake()

    def health(self) -> Sequence[Health]:
        fault = self._connection.fault
        if not fault and self._suspended:
            fault = "bearerbox has suspended us"
        if not fault and self._ending:
            fault = "bearerbox is going down"
        if not fault and self._stalled:
            fault = f"bearerbox has not answered for {self._config.timeout:g} seconds"
        unknown = self._unknown + self._connection.unknown + self._intake.unknown + self._reports.unknown
        detail = {
            "under_way": self._under_way,
            "window": self._config.window,
            "unknown_events": unknown,
            "inbound_waiting_for_parts": self._intake.waiting,
        }
        return (Health("kannel bearerbox", fault, detail),)

    def stop(self, timeout: float) -> None:
        self._stopping = True
        self._connection.stop(timeout)

    # From the connection's thread

    def opened(self) -> bytes:
        self._suspended = self._ending = self._stalled = False
        self._next_beat = time.monotonic() + self._config.heartbeat
        return frames.admin(frames.IDENTIFY, self._config.box_name.encode())

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

    def _unfinished(self, attempt_id: str) -> Outgoing | None:
        return self._pending.get(attempt_id.encode()) or self._long.get(attempt_id)

    def received(self, batch: list[Frame]) -> None:
        now = utc_now()
        found = Batch()
        events, pending = found.events, self._pending
        done = 0
        for frame in batch:
            if type(frame) is Ack:
                outgoing = pending.pop(frame.id, None)
                if outgoing is None:
                    self._answered_late(frame, now, found)
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
                        self._intake.release(outgoing, event, found)
            elif type(frame) is Sms:
                self._intake.message(frame, now, found)
            elif type(frame) is Admin:
                self._command(frame)
        if done:
            self._stalled = False
            with self._lock:
                self._under_way -= done
        if events or found.taken:
            self._intake.hand_over(found)

    def _answered_late(self, frame: Ack, now: datetime, batch: Batch) -> None:
        outgoing = self._late.pop(frame.id, None)
        if outgoing is None:
            self._unknown += 1
        elif frame.nack in (frames.ACK_SUCCESS, frames.ACK_BUFFERED) and outgoing.total == 1:
            self._stalled = False
            settled = Submitted(attempt_id=outgoing.id, at=now) if outgoing.reports else outgoing.delivered(now)
            batch.events.append(settled)

    def _command(self, frame: Admin) -> None:
        if frame.command == frames.SUSPEND:
            self._suspended = True
        elif frame.command == frames.RESUME:
            self._suspended = False
        elif frame.command in (frames.SHUTDOWN, frames.RESTART):
            self._ending = True
            self._give_back(GatewayUnavailable("bearerbox is going down"))
            self._connection.hang_up("bearerbox went down")
        else:
            self._unknown += 1

    def tick(self, now: float) -> None:
        connected = self._connection.connected
        if not connected and self._waiting:
            self._give_back(GatewayUnavailable("no connection to bearerbox"))
        if connected and now >= self._next_beat:
            self._next_beat = now + self._config.heartbeat
            with self._lock:
                self._control.append(frames.heartbeat(len(self._pending)))
        self._expire(now - self._config.timeout)
        self._intake.tick(now)

    def _expire(self, before: float) -> None:
        """Whoever was sent before that moment and has no answer is uncertain from now on."""
        late: list[Piece] = []
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
        self._intake.lost(self._generation)
        kept: list[Piece] = []
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

    def _give_back(self, error: GatewayUnavailable) -> None:
        with self._lock:
            pieces = list(self._waiting)
            self._waiting.clear()
        self._refuse(pieces, error)

    def _refuse(self, pieces: Sequence[Piece], error: GatewayUnavailable | GatewayUncertain) -> None:
        if not pieces:
            return
        now = utc_now()
        batch = Batch()
        done = 0
        for _, _, outgoing in pieces:
            event = outgoing.refuse(error, now)
            if event is None:
                continue
            done += 1
            batch.events.append(event)
            gone_back(event, self._seen)
            self._long.pop(outgoing.id, None)
            if outgoing.held is not None:
                self._intake.release(outgoing, event, batch)
        with self._lock:
            self._under_way -= done
        self._intake.hand_over(batch)
