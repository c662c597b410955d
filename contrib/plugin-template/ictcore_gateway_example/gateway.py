"""The gateway: it sends by one HTTP request each, and listens for what the carrier reports."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import time
from collections.abc import Sequence

import msgspec

from ictcore.spec import (
    Attempt,
    BlockingGateway,
    Delivered,
    Failed,
    GatewayContext,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    Health,
    Sink,
    Submitted,
    Trunk,
    utc_now,
)
from ictcore_gateway_example import translate
from ictcore_gateway_example.listener import Listener

_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_LONGEST_PAUSE = 30.0


class ExampleGateway(BlockingGateway):
    """Texts to the example carrier, in eight threads; see the README for the carrier's protocol."""

    def __init__(self, context: GatewayContext) -> None:
        super().__init__()
        settings = context.settings
        self._timeout: float = settings["example.timeout"]
        self._listener = Listener(
            settings["example.listen_host"],
            settings["example.listen_port"],
            settings["example.token"],
            settings["example.commit_timeout"],
        )
        self._open: set[http.client.HTTPConnection] = set()
        self._fault = ""
        self._pause = 0.0
        self._not_before = 0.0

    def start(self, sink: Sink) -> None:
        self._listener.start(sink)
        super().start(sink)

    def room(self) -> int:
        # While the carrier is away there is no room, for longer each time: so the dispatcher does not hammer it.
        return super().room() if time.monotonic() >= self._not_before else 0

    def health(self) -> Sequence[Health]:
        return [Health("carrier", self._fault), self._listener.health()]

    def stop(self, timeout: float) -> None:
        super().stop(timeout)
        for connection in list(self._open):  # whoever still waits for an answer learns now that there is none
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        self._listener.stop()

    def send(self, attempt: Attempt, trunk: Trunk) -> Submitted | Delivered | Failed:
        if not _NUMBER.fullmatch(attempt.destination):
            raise translate.refusal("unknown_number")
        body = msgspec.json.encode(
            {
                "id": attempt.id,
                "from": attempt.plan.first.data.get("from") or attempt.source,
                "to": attempt.destination,
                "text": attempt.plan.first.data["text"],
            }
        )
        connection = http.client.HTTPConnection(trunk.host, trunk.port, timeout=self._timeout)
        self._open.add(connection)
        try:
            try:
                connection.connect()
            except OSError as error:
                self._away(f"{trunk.name} cannot be reached: {error.strerror or type(error).__name__}")
                raise GatewayUnavailable(self._fault) from error
            try:
                headers = {"Content-Type": "application/json", "Authorization": f"Bearer {trunk.password}"}
                connection.request("POST", str(trunk.settings.get("path", "/messages")), body, headers)
                answer = connection.getresponse()
                content = answer.read(65536)
            except (OSError, http.client.HTTPException) as error:
                # From here on bytes have left, and no answer came: it must never be sent again by itself.
                self._away(f"{trunk.name} does not answer: {type(error).__name__}")
                raise GatewayUncertain(self._fault) from error
        finally:
            self._open.discard(connection)
            connection.close()
        self._fault, self._pause = "", 0.0
        return self._answered(attempt, answer, content)

    def _answered(self, attempt: Attempt, answer: http.client.HTTPResponse, content: bytes) -> Submitted:
        try:
            told = msgspec.json.decode(content, type=dict[str, str])
        except msgspec.MsgspecError as error:
            raise GatewayProtocolError("the answer is no JSON object", vendor_code=str(answer.status)) from error
        code = told.get("code", str(answer.status))
        if answer.status == 202:
            return Submitted(attempt_id=attempt.id, at=utc_now(), vendor_id=told.get("id", ""))
        if answer.status == 429:
            retry_after = answer.headers.get("Retry-After", "1")
            wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 1.0
            raise GatewayThrottled("the carrier asks for patience", retry_after=max(wait, 0.1), vendor_code=code)
        if answer.status in (401, 403):
            raise GatewayMisconfigured("the carrier refuses our password", vendor_code=code)
        if answer.status == 422:
            raise translate.refusal(code)
        raise GatewayProtocolError("an answer that the protocol does not have", vendor_code=code)

    def _away(self, fault: str) -> None:
        self._fault = fault
        self._pause = min(max(0.05, self._pause * 2), _LONGEST_PAUSE)
        self._not_before = time.monotonic() + self._pause
