"""SMS from queued rows through a real Kannel to its fakesmsc, against wrk on the sendsms port of the same Kannel.

Every attempt and its result is durable. Four cases: the box protocol and HTTP, without and with delivery reports. wrk
has 32 connections without reports and 128 with them, where Kannel answers later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ictcore_gateway_kannel.testing import KannelServer, installed

from ictcore.domain.plan import Plan
from ictcore.spec import single
from ictcore.testing.servers import ServerProcess, free_port
from ictcore.testing.waiting import wait_until
from tests.bench.lib import wrk
from tests.bench.lib.measure import Pair, Result, in_turns, note
from tests.bench.lib.programs import Missing, program
from tests.bench.lib.sending import Sending
from tests.bench.lib.systems import folder

SMS = 4
SECONDS = 3
TEXT = "Your parcel arrives tomorrow between 9 and 11 o'clock."
PLAN: Plan = single("sms_send", {"text": TEXT})


@dataclass(frozen=True)
class Case:
    """One way to send. ``count``: attempts of a run; ``required``: the ratio that it should reach.

    ``connections``: of wrk; ours by HTTP are those of the default settings.
    """

    name: str
    transport: str
    reports: bool
    connections: int
    required: float
    count: int
    runs: int


CASES = (
    Case("box", "box", False, 32, 1.0, 40_000, 3),
    Case("http", "http", False, 32, 0.5, 20_000, 2),
    Case("box_reports", "box", True, 128, 1.0, 20_000, 2),
    Case("http_reports", "http", True, 128, 0.5, 10_000, 2),
)


def main() -> Result:
    """The ratio is that of the box protocol without reports; the other three are in the detail."""
    program("wrk", "wrk")
    if missing := installed():
        raise Missing(missing)
    pairs: dict[str, Pair] = {}
    detail: dict[str, Any] = {}
    with folder() as work:
        for case in CASES:
            pairs[case.name], cpu = measure(work / case.name, case)
            detail[case.name] = {"required": case.required, **pairs[case.name].shown(), "cpu_us_per_attempt": cpu}
            note(f"{case.name}: {pairs[case.name].ratio:.2f}")
    return Result("sms_kannel", pairs["box"], "messages/s", 1.0, detail)


def measure(work: Path, case: Case) -> tuple[Pair, float]:
    """The rates of one case, with a Kannel of its own."""
    work.mkdir()
    with kannel(work) as server, sink(work) as sink_port:
        provider = {
            "name": "fake", "type": "link", "service_flag": SMS, "weight": 1, "active": 1,
            "settings": {"smsc_id": "fake", "reports": case.reports},
        }  # fmt: skip
        settings = server.settings(case.transport)
        with Sending(work / "home", settings, provider, flag=SMS) as sending:

            def ours() -> float:
                rate = sending.rate(case.count, "+442071838750", lambda n: f"+4479{n:08}", lambda n: PLAN)
                drained(server)
                return rate

            def baseline() -> float:
                load = wrk.run(
                    f"http://127.0.0.1:{server.sendsms_port}/cgi-bin/sendsms?{request(case, sink_port)}",
                    connections=case.connections,
                    seconds=SECONDS,
                )
                drained(server)
                return load.rate

            sending.rate(500, "+442071838750", lambda n: f"+4479{n:08}", lambda n: PLAN)  # connects, fills caches
            sending.cpu.clear()
            return in_turns(case.runs, ours, baseline), sending.cpu_per_attempt()


def request(case: Case, sink_port: int) -> str:
    """The query of the baseline's sendsms request: the same message, asking for the same reports."""
    query = {
        "username": "sender", "password": "sendsms-test", "from": "442071838750", "to": "+447900000000",
        "text": TEXT, "smsc": "fake",
    }  # fmt: skip
    if case.reports:
        query |= {"dlr-mask": "19", "dlr-url": f"http://127.0.0.1:{sink_port}/dlr?id=0123456789abcdef&type=%d"}
    return urlencode(query)


@contextmanager
def kannel(work: Path) -> Iterator[KannelServer]:
    """A Kannel with fakesmsc at its link, both quiet."""
    (work / "kannel").mkdir()
    server = KannelServer(work / "kannel", log_level=3)
    try:
        server.start()
        far_side = server.fakesmsc(quiet=True)
        try:
            yield server
        finally:
            far_side.stop()
    finally:
        server.stop()


@contextmanager
def sink(work: Path) -> Iterator[int]:
    """Takes the baseline's reports; its port."""
    port = free_port()
    argv = [sys.executable, "-m", "tests.bench.lib.http_sink", str(port)]
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with ServerProcess(argv, log=work / "sink.log", port=port, environment=environment):
        yield port


def drained(server: KannelServer) -> None:
    """Wait until nothing is under way in Kannel any more: one run must not pay for another."""
    last = [-1, -1]

    def still() -> bool:
        found = [(link.sent, link.queued) for link in server.status().links]
        seen = [sum(sent for sent, _ in found), sum(queued for _, queued in found)]
        quiet = seen == last and seen[1] == 0
        last[:] = seen
        return quiet

    wait_until(still, 60.0, "Kannel's queues are empty")
