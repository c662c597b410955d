"""SMTP replies: bytes in, whole replies out (RFC 5321, section 4.2). No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_LINE = 8192
"""Bytes. RFC 5321 allows 512; real servers write longer ones, and one without an end must not fill the memory."""
MOST_LINES = 1000

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s|$)")


_known: dict[bytes, Reply] = {}
"""Replies of one line that were read before: a server says the same few sentences for each message."""


class BadReply(Exception):
    """What the server wrote is not an SMTP reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply.

    :ivar code: 200 to 599.
    :ivar lines: the text of each line, at least one, without code and line end; bytes that are no UTF-8 are replaced.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines in one, joined by a space."""
        return self.lines[0] if len(self.lines) == 1 else " ".join(self.lines)

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463) such as ``5.1.1``, ``""`` when there is none or its class contradicts."""
        match = _ENHANCED.match(self.lines[0])
        if match is None or match[1] != str(self.code)[0]:
            return ""
        return f"{match[1]}.{match[2]}.{match[3]}"

    @property
    def word(self) -> str:
        """The reply's own code, with the enhanced one when there is one: ``550 5.1.1``."""
        return f"{self.code} {self.enhanced}".rstrip()


class ReplyParser:
    """Collects bytes until they make whole replies."""

    __slots__ = ("_code", "_lines", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._code = b""
        self._lines: list[str] = []

    @property
    def empty(self) -> bool:
        """Whether nothing of a reply is waiting for its rest."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that ``data`` completes, in order; often none.

        :raises BadReply: a line is no reply line, its code differs from that of the lines before, or it has no end.
        """
        if self._rest:
            data = self._rest + data
        lines = data.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            raise BadReply("a reply line has no end")
        replies = []
        for line in lines:
            if line.endswith(b"\r"):
                line = line[:-1]
            reply = self._line(line)
            if reply is not None:
                replies.append(reply)
        return replies

    def _line(self, line: bytes) -> Reply | None:
        if not self._lines:
            known = _known.get(line)
            if known is not None:
                return known
        code, mark = line[:3], line[3:4]
        if not (len(code) == 3 and code.isdigit() and b"200" <= code <= b"599" and mark in b" -"):
            raise BadReply(f"not a reply line: {line[:80]!r}")
        if self._lines and code != self._code:
            raise BadReply("the lines of one reply have different codes")
        text = line[4:].decode("utf-8", "replace")
        if mark == b"-":
            self._code = code
            self._lines.append(text)
            if len(self._lines) > MOST_LINES:
                raise BadReply("a reply has too many lines")
            return None
        if not self._lines:
            reply = Reply(int(code), (text,))
            if len(line) < 64:
                if len(_known) >= 256:
                    _known.clear()
                _known[line] = reply
            return reply
        lines = (*self._lines, text)
        self._lines.clear()
        return Reply(int(code), lines)
