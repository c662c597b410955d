"""Bearerbox's admin port: its commands, and the state of its links. Blocking, with a time limit."""

from __future__ import annotations

import http.client
import re
from typing import Final, NamedTuple
from urllib.parse import urlencode

from ictcore.spec import GatewayMisconfigured, GatewayProtocolError, GatewayUnavailable

_MOST: Final = 8 << 20
_CONNECTIONS: Final = 8
_LINK: Final = re.compile(r"<smsc>(.*?)</smsc>", re.S)
_BOX: Final = re.compile(r"<box>(.*?)</box>", re.S)
_VERSION: Final = re.compile(r"version `([^']{1,40})'")
_STATUS: Final = re.compile(r"<status>([^<]*)</status>")


class LinkState(NamedTuple):
    """One link. ``state``: ``online``, ``connecting``, ``re-connecting``, ``dead``, ``disconnected`` …"""

    smsc_id: str
    admin_id: str
    state: str
    queued: int
    failed: int
    sent: int
    received: int

    @property
    def online(self) -> bool:
        """Whether messages can go out by it now."""
        return self.state == "online"


class Status(NamedTuple):
    """What bearerbox says of itself.

    :ivar version: ``""`` when it says none.
    :ivar state: ``running``, ``suspended``, ``isolated``, ``going down`` …
    :ivar boxes: names of the boxes that are connected, ``(none)`` for one without.
    """

    version: str
    state: str
    links: tuple[LinkState, ...]
    boxes: tuple[str, ...] = ()


class Admin:
    """The admin port of one bearerbox.

    :param timeout: seconds for one request.
    """

    def __init__(self, host: str, port: int, password: str, status_password: str, *, timeout: float = 3.0) -> None:
        self._host = host
        self._port = port
        self._password = password
        self._status_password = status_password
        self._timeout = timeout

    def status(self) -> Status:
        """The state of bearerbox and its links.

        :raises GatewayUnavailable: it does not answer.
        :raises GatewayMisconfigured: the password or our address is refused.
        :raises GatewayProtocolError: what answers is no bearerbox.
        """
        return parse_status(self._get("/status.xml", password=self._status_password))

    def add(self, smsc_id: str) -> bool:
        """Read the configuration anew and start the link. ``False``: bearerbox could not. Raises as :meth:`status`."""
        return self._command("add-smsc", smsc_id).endswith("added")

    def remove(self, smsc_id: str) -> bool:
        """Close the link and forget it. ``False``: there was none. Raises as :meth:`status`.

        Kannel 1.4.5 removes every second one of several connections with the same id, so it is asked again.
        """
        found = False
        for _ in range(_CONNECTIONS):
            if not self._command("remove-smsc", smsc_id).endswith("removed"):
                break
            found = True
        return found

    def _command(self, name: str, smsc_id: str) -> str:
        return self._get(f"/{name}", password=self._password, smsc=smsc_id).strip()

    def _get(self, path: str, **query: str) -> str:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            connection.request("GET", f"{path}?{urlencode(query)}", headers={"Connection": "close"})
            response = connection.getresponse()
            body = response.read(_MOST).decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise GatewayProtocolError(f"the admin port answers nonsense ({type(error).__name__})") from None
        except OSError as error:
            raise GatewayUnavailable(f"the admin port does not answer: {error.strerror or error}") from None
        finally:
            connection.close()
        if response.status in (401, 403) or body.strip() == "Denied":
            raise GatewayMisconfigured("the admin port refuses the password or our address")
        if response.status != 200:
            raise GatewayProtocolError(f"the admin port answers with HTTP {response.status}")
        return body


def parse_status(text: str) -> Status:
    """Read ``status.xml``. Kannel does not escape all texts in it, so it is searched, not parsed as XML.

    :raises GatewayProtocolError: it is none.
    """
    if "<gateway>" not in text:
        raise GatewayProtocolError("the admin port answers with what is no status")
    version = _VERSION.search(text)
    head = text.split("<smscs>", 1)[0]
    state = _STATUS.search(head)
    links = tuple(_link(match[1]) for match in _LINK.finditer(text))
    return Status(
        version=version[1] if version else "",
        state=state[1].split(",")[0].strip() if state else "",
        links=links,
        boxes=tuple(_tag(match[1], "id") for match in _BOX.finditer(head)),
    )


def _link(text: str) -> LinkState:
    sms = _tag(text, "sms")
    return LinkState(
        smsc_id=_tag(text, "id"),
        admin_id=_tag(text, "admin-id"),
        state=_tag(text, "status").split(" ")[0],
        queued=_count(text, "queued"),
        failed=_count(text, "failed"),
        sent=_count(sms, "sent"),
        received=_count(sms, "received"),
    )


def _tag(text: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", text, re.S)
    return found[1].strip() if found else ""


def _count(text: str, name: str) -> int:
    found = re.search(rf"<{name}>(\d{{1,18}})</{name}>", text)
    return int(found[1]) if found else 0
