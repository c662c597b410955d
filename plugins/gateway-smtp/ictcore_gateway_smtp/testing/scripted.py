"""A mail server that does what a test tells it, over real sockets: refuse, stall, drop, answer nonsense."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from ictcore.testing.servers import free_port
from ictcore_gateway_smtp.wire.dots import unstuff

DROP: Final = "drop"
"""Close the connection instead of answering."""
STALL: Final = "stall"
"""Go on reading and answer nothing more."""

STAGES: Final = ("connect", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "content", "RSET", "QUIT")
CAPABILITIES: Final = ("PIPELINING", "SIZE 26214400", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True, slots=True)
class Raw:
    """Write these bytes instead of an answer; then go on, or close the connection."""

    data: bytes
    close: bool = False


Action = str | Raw
"""What to do at a stage: :data:`DROP`, :data:`STALL`, raw bytes, or a reply such as ``550 5.1.1 no``."""


@dataclass(slots=True)
class Mail:
    """One message that the server got whole, answered or not."""

    sender: str
    recipients: list[str]
    mail_line: str
    rcpt_lines: list[str]
    content: bytes = field(default=b"", repr=False)


class ScriptedServer:
    """Speaks SMTP in threads of its own.

    :param capabilities: what EHLO announces.
    :param tls: context for STARTTLS, or with ``implicit`` for TLS from the first byte.
    :param credentials: ``(username, password)`` that AUTH takes.
    :ivar mails: every message that it got whole, in order.
    :ivar commands: every command line.
    :ivar connections: how many were made.
    """

    def __init__(
        self,
        capabilities: Sequence[str] = CAPABILITIES,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.capabilities = list(capabilities)
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        self.connections = 0
        self.chunks: list[bytes] = []
        self.credentials = credentials
        self._tls, self._implicit = tls, implicit
        self._script: dict[str, Action] = {}
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def on(self, stage: str, action: Action) -> None:
        """From now on do this at ``stage``.

        :raises ValueError: there is no such stage.
        """
        if stage not in STAGES:
            raise ValueError(stage)
        with self._lock:
            self._script[stage] = action

    def accept(self) -> None:
        """Behave well from now on."""
        with self._lock:
            self._script.clear()

    def start(self) -> ScriptedServer:
        """Listen, at the same port each time. Calling it twice is safe."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
            self._thread(self._listen, self._listener)
        return self

    def stop(self) -> None:
        """Close the listener and all connections, and wait for the threads. Calling it twice is safe."""
        with self._lock:
            listener, self._listener = self._listener, None
            sockets, self._open = self._open, set()
        for sock in ([listener] if listener else []) + list(sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        if listener is not None:
            listener.close()
        self._threads.clear()

    def __enter__(self) -> ScriptedServer:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _thread(self, function: object, *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, name="scripted-mail-server", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                if self._listener is None:
                    sock.close()
                    return
                self.connections += 1
                self._open.add(sock)
            self._thread(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        session = _Session(self, sock)
        try:
            if self._implicit:
                session.secure()
            session.run()
        except (OSError, ValueError, EOFError):
            pass  # the other side, or stop(), closed it
        finally:
            with self._lock:
                self._open.discard(sock)
                self._open.discard(session.sock)
            with contextlib.suppress(OSError):
                session.sock.close()
            session.file.close()
            sock.close()


class _Session:
    """One connection."""

    def __init__(self, server: ScriptedServer, sock: socket.socket) -> None:
        self.server = server
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.file: BinaryIO = sock.makefile("rb")
        self.mail: Mail | None = None

    def secure(self) -> None:
        assert self.server._tls is not None
        self.file.close()
        self.sock = self.server._tls.wrap_socket(self.sock, server_side=True)
        with self.server._lock:
            self.server._open.add(self.sock)
        self.file = self.sock.makefile("rb")

    def run(self) -> None:
        self.answer("connect", "220 scripted.example ESMTP")
        while line := self.file.readline(100_000):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.server.commands.append(text)
            verb = text[:4].upper()
            handler = getattr(self, f"do_{verb.lower()}", None) if verb.isalpha() else None
            if handler is None:
                self.write(b"500 5.5.2 what?\r\n")
            else:
                handler(text)

    def answer(self, stage: str, good: str) -> bool:
        """Answer as the script says; whether it was the good answer."""
        with self.server._lock:
            action = self.server._script.get(stage)
        if action is None:
            self.write(good.replace("\n", "\r\n").encode() + b"\r\n")
            return True
        if action == DROP:
            raise EOFError
        if action == STALL:
            while data := self.file.read1(65536):  # type: ignore[attr-defined]
                self.server.chunks.append(data)
            raise EOFError
        if isinstance(action, Raw):
            self.write(action.data)
            if action.close:
                raise EOFError
            return False
        self.write(action.encode() + b"\r\n")
        if action.startswith("421"):
            raise EOFError
        return False

    def write(self, data: bytes) -> None:
        self.sock.sendall(data)

    def do_ehlo(self, text: str) -> None:
        words = list(self.server.capabilities)
        if self.server._tls is not None and not isinstance(self.sock, ssl.SSLSocket):
            words.append("STARTTLS")
        lines = ["scripted.example", *words]
        self.answer("EHLO", "\n".join(f"250{'-' if line is not lines[-1] else ' '}{line}" for line in lines))

    def do_helo(self, text: str) -> None:
        self.answer("HELO", "250 scripted.example")

    def do_star(self, text: str) -> None:
        if self.answer("STARTTLS", "220 go ahead"):
            self.secure()

    def do_auth(self, text: str) -> None:
        _, method, *rest = text.split(" ")
        if method == "PLAIN":
            name, password = base64.b64decode(rest[0]).decode().split("\0")[1:]
        else:
            self.write(b"334 VXNlcm5hbWU6\r\n")
            name = base64.b64decode(self.file.readline()).decode()
            self.write(b"334 UGFzc3dvcmQ6\r\n")
            password = base64.b64decode(self.file.readline()).decode()
        good = (name, password) == self.server.credentials
        self.answer("AUTH", "235 2.7.0 welcome" if good else "535 5.7.8 wrong")

    def do_mail(self, text: str) -> None:
        if self.mail is not None:
            self.write(b"503 5.5.1 nested MAIL\r\n")
        elif self.answer("MAIL", "250 2.1.0 ok"):
            self.mail = Mail(_address(text), [], text, [])

    def do_rcpt(self, text: str) -> None:
        if self.mail is None:
            self.write(b"503 5.5.1 need MAIL\r\n")
        elif self.answer("RCPT", "250 2.1.5 ok"):
            self.mail.recipients.append(_address(text))
            self.mail.rcpt_lines.append(text)

    def do_data(self, text: str) -> None:
        if self.mail is None or not self.mail.recipients:
            self.write(b"503 5.5.1 need RCPT\r\n")
        elif self.answer("DATA", "354 go ahead"):
            self.content()

    def content(self) -> None:
        assert self.mail is not None
        lines = []
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise EOFError
            lines.append(line)
        self.mail.content = unstuff(b"".join(lines))
        mail, self.mail = self.mail, None
        self.server.mails.append(mail)
        self.answer("content", f"250 2.0.0 queued as Q{len(self.server.mails)}")

    def do_rset(self, text: str) -> None:
        self.mail = None
        self.answer("RSET", "250 2.0.0 ok")

    def do_quit(self, text: str) -> None:
        self.answer("QUIT", "221 2.0.0 bye")
        raise EOFError


def _address(line: str) -> str:
    return line[line.index("<") + 1 : line.index(">")]
