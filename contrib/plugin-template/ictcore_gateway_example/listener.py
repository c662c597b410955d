"""The HTTP server to which the carrier sends reports and inbound texts."""

from __future__ import annotations

import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from ictcore.spec import Health, Sink, utc_now
from ictcore_gateway_example.translate import Message, Report, event

LONGEST_BODY = 1_000_000


class Listener:
    """Listens on ``host:port`` from :meth:`start` to :meth:`stop`; port 0: not at all."""

    def __init__(self, host: str, port: int, token: str, commit_timeout: float) -> None:
        self._address = (host, port)
        self._token = token
        self._commit_timeout = commit_timeout
        self._sink: Sink | None = None
        self._server: ThreadingHTTPServer | None = None
        self._fault = ""
        self._unknown = 0

    def start(self, sink: Sink) -> None:
        """Begin to listen; a port that is taken is a fault of :meth:`health`."""
        self._sink = sink
        if not self._address[1]:
            return
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 30.0

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not (length.isascii() and length.isdigit()) or int(length) > LONGEST_BODY:
                    self.send_error(413)
                    return
                body = self.rfile.read(int(length))
                status = listener.hear(self.headers.get("Authorization", ""), body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass  # the request line is the carrier's business

        try:
            self._server = ThreadingHTTPServer(self._address, Handler)
        except OSError as error:
            self._fault = f"cannot listen on port {self._address[1]}: {error.strerror}"
            return
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="example-listener", daemon=True).start()

    def hear(self, authorization: str, body: bytes) -> int:
        """Take one request of the carrier; the HTTP status that answers it. Blocks until what it told is kept."""
        if not self._token or not hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode()):
            return 401
        try:
            heard = msgspec.json.decode(body, type=Report | Message)
        except msgspec.MsgspecError:
            self._unknown += 1
            return 200  # an error would make the carrier send it for ever
        told = event(heard, utc_now())
        if told is None or self._sink is None:
            self._unknown += 1
            return 200
        receipt = self._sink.put([told])
        if not receipt.wait(self._commit_timeout):
            return 503  # not kept yet: the carrier shall send it again
        return 422 if receipt.refusals and receipt.refusals[0] else 200

    def health(self) -> Health:
        """The port, and how many events were not understood."""
        return Health("reports", self._fault, {"unknown_events": self._unknown})

    def stop(self) -> None:
        """Close the port. Calling it twice is safe."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
