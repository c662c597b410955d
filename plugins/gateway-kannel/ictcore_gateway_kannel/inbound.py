"""Messages from phones: decoded, and the parts of a long one joined."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ictcore.spec import SMS, Received
from ictcore_gateway_kannel.text import UCS2, Concatenation, concatenation, decode

GATEWAY: Final = "kannel"
_MOST: Final = 10_000


class Inbound(NamedTuple):
    """One message as Kannel hands it over.

    :ivar id: Kannel's own id, the same when it is handed over again.
    :ivar coding: 0 GSM 7 bit, 1 binary, 2 UCS-2.
    :ivar at: epoch seconds, or -1.
    :ivar handle: whatever the transport needs to answer it.
    """

    id: str
    caller: str
    called: str
    data: bytes
    udh: bytes
    coding: int
    charset: str
    smsc: str
    at: int
    handle: object


class Ready(NamedTuple):
    """A message to put into the sink, and the handles of all parts that it was made of."""

    event: Received
    handles: tuple[object, ...]


class Joiner:
    """Joins the parts of long messages by caller, called number and the header's reference. Used by one thread.

    :param wait: seconds to wait for missing parts; then what is there is handed on, with a mark for what is not.
    """

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self._open: dict[tuple[str, str, str, int, int], _Long] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, message: Inbound, now: float) -> Ready | None:
        """Take one message; the result when it is complete, ``None`` while parts are missing.

        :param now: monotonic seconds.
        """
        place = concatenation(message.udh)
        if place is None or place.total == 1:
            return Ready(_received(message, decode(message.data, message.coding, message.charset)), (message.handle,))
        key = (message.caller, message.called, message.smsc, place.reference, place.total)
        long = self._open.get(key)
        if long is None:
            long = self._open[key] = _Long(place.total, now + self._wait)
        long.add(place, message)
        if len(long.parts) == place.total:
            del self._open[key]
            return long.ready()
        return None

    def overdue(self, now: float) -> Sequence[Ready]:
        """The messages that have waited long enough, and the oldest when there are too many."""
        late = [key for key, long in self._open.items() if long.deadline <= now]
        late += [key for key in list(self._open)[: max(0, len(self._open) - _MOST)] if key not in late]
        return [self._open.pop(key).ready() for key in late]

    def clear(self) -> None:
        """Forget the open ones: their parts are not acknowledged and will be handed over again."""
        self._open.clear()


class _Long:
    __slots__ = ("deadline", "handles", "parts", "total")

    def __init__(self, total: int, deadline: float) -> None:
        self.total = total
        self.deadline = deadline
        self.parts: dict[int, Inbound] = {}
        self.handles: list[object] = []

    def add(self, place: Concatenation, message: Inbound) -> None:
        self.handles.append(message.handle)
        self.parts.setdefault(place.number, message)

    def ready(self) -> Ready:
        first = self.parts[min(self.parts)]
        return Ready(_received(first, self._text()), tuple(self.handles))

    def _text(self) -> str:
        texts: list[str] = []
        run: list[Inbound] = []
        for number in range(1, self.total + 1):
            part = self.parts.get(number)
            if part is None or (run and (part.coding, part.charset) != (run[0].coding, run[0].charset)):
                if run:
                    texts.append(_decode_run(run))
                run = []
            if part is None:
                if not texts or texts[-1] != "[…]":
                    texts.append("[…]")
            else:
                run.append(part)
        if run:
            texts.append(_decode_run(run))
        return "".join(texts)


def _decode_run(run: Sequence[Inbound]) -> str:
    """Neighbouring parts are joined as bytes: a surrogate pair may have been cut between them."""
    return decode(b"".join(part.data for part in run), run[0].coding, run[0].charset)


def _received(message: Inbound, text: str) -> Received:
    at = datetime.fromtimestamp(message.at, UTC) if message.at > 0 else datetime.now(UTC)
    headers = {"coding": "ucs-2"} if message.coding == UCS2 else {}
    return Received(
        service=SMS,
        gateway=GATEWAY,
        called=message.called,
        caller=message.caller,
        key=message.id,
        at=at,
        text=text,
        provider=message.smsc,
        headers=headers,
    )
