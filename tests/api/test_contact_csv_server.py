"""Imports through the real server: uploads in chunks, uploads that break off, and the memory that a large one takes."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ictcore.testing.waiting import wait_until
from tests.running import RunningSystem

ROWS = 100_000
MOST_GROWTH = 60.0
"""MB; the file has 9. The database's cache and the filter of numbers are in it."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A running system, one for the tests of this file."""
    running = RunningSystem(tmp_path_factory.mktemp("csv"), {"plugins": {"blocked": "ictcore-gateway-simulator"}})
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def group(system: RunningSystem) -> int:
    found = system.made("/groups", {"name": "g"})["group_id"]
    assert isinstance(found, int)
    return found


def headers(system: RunningSystem, **more: str) -> dict[str, str]:
    token = base64.b64encode(f"admin:{system.password}".encode()).decode()
    return {"Authorization": f"Basic {token}", "Content-Type": "text/csv", **more}


def pieces() -> Iterator[bytes]:
    for first in range(0, ROWS, 1000):
        yield "".join(
            f"+49{n:09},First{n},Last,user{n}@example.org,,,,,A contact\n" for n in range(first, first + 1000)
        ).encode()


def memory(system: RunningSystem) -> float:
    """MB that the largest process of the system has held at most."""
    most = 0.0
    waiting = [system.process.pid]
    while waiting:
        pid = waiting.pop()
        waiting += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        found = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
        most = max(most, int(found[0].split()[1]) / 1024)
    return most


def test_a_large_upload_in_chunks_is_not_held_in_memory(system: RunningSystem, group: int) -> None:
    before = memory(system)
    connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=120)
    connection.request("POST", f"/groups/{group}/csv", pieces(), headers(system), encode_chunked=True)
    answer = connection.getresponse()
    found = json.load(answer)
    connection.close()
    assert answer.status == 200, found
    assert (found["imported"], found["failed"]) == (ROWS, 0)
    assert memory(system) - before < MOST_GROWTH
    exported = system.call("GET", f"/groups/{group}/csv")
    assert exported.body.count(b"\r\n") == ROWS
    assert memory(system) - before < MOST_GROWTH


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload_that_breaks_off_leaves_nothing(system: RunningSystem, group: int, framing: str) -> None:
    more = {"Content-Length": "1000000"} if framing == "length" else {"Transfer-Encoding": "chunked"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers(system, **more).items())
    body = b"+4930123\r\n" * 100
    with socket.create_connection(("127.0.0.1", system.port)) as client:
        client.sendall(f"POST /groups/{group}/csv HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        client.sendall(body if framing == "length" else b"%x\r\n%s\r\n" % (len(body), body))
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    assert b" 200 " not in answer.split(b"\r\n")[0]
    assert wait_until(lambda: system.call("GET", f"/groups/{group}/csv").body == b"")
    assert system.got(f"/groups/{group}/contacts") == []
