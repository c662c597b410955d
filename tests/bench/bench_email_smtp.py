"""E-mail from queued rows through the real dispatcher to ``smtp-sink``, against ``smtp-source`` with 8 sessions.

Two cases: 2 kB of text and HTML, different for each contact; and the same with a PDF of 30 kB. smtp-source sends
messages of the same size over the same number of connections, which it keeps open.
"""

from __future__ import annotations

import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from ictcore_gateway_smtp.testing.sink import SmtpSink

from ictcore.domain.plan import Plan
from ictcore.spec import single
from ictcore.store.media import MediaStore
from ictcore.testing.servers import free_port
from ictcore.testing.waiting import wait_until
from tests.bench.lib.measure import Pair, Result, in_turns, lowest, note
from tests.bench.lib.programs import program
from tests.bench.lib.sending import Sending
from tests.bench.lib.systems import folder

EMAIL = 8
SESSIONS = 8
RUNS = 3
REQUIRED = 0.3
SENDER = "shop@example.com"
LINES = "\n".join(f"Line {number} of a letter that tells what is new this week." for number in range(11))


@dataclass(frozen=True)
class Case:
    """``ours``: messages of a run, ``baseline``: those of smtp-source."""

    name: str
    pdf: int
    ours: int
    baseline: int


CASES = (Case("2kB", 0, 10_000, 60_000), Case("30kB_pdf", 30_000, 5_000, 20_000))


def main() -> Result:
    """The ratio is the lower one of the two cases."""
    source = program("smtp-source", "postfix")
    program("smtp-sink", "postfix")
    pairs: dict[str, Pair] = {}
    detail: dict[str, Any] = {}
    with folder() as work:
        for case in CASES:
            pairs[case.name], more = measure(work / case.name, case, source)
            detail[case.name] = {**pairs[case.name].shown(), **more}
            note(f"{case.name}: {pairs[case.name].ratio:.2f}")
    name, pair = lowest(pairs)
    return Result("email_smtp", pair, "messages/s", REQUIRED, {"case": name, **detail})


def measure(work: Path, case: Case, source: str) -> tuple[Pair, dict[str, Any]]:
    """The rates of one case, and the size of a message and the CPU that one costs."""
    attachments = _attachments(work / "home", case.pdf)

    def plan(number: int) -> Plan:
        text = f"Dear First{number},\n\n{LINES}\n"
        html = f"<html><body><p>Dear First{number},</p><pre>{LINES}</pre></body></html>"
        data = {"subject": f"News for First{number}", "text": text, "html": html, "attachments": attachments}
        return single("email_send", data)

    size = _size(work / "home", plan)
    with SmtpSink() as sink, _sending(work / "home", sink.port) as sending:

        def ours() -> float:
            return sending.rate(case.ours, SENDER, lambda n: f"user{n}@example.org", plan)

        def baseline() -> float:
            argv = [
                source, "-d", "-s", str(SESSIONS), "-l", str(size), "-m", str(case.baseline), "-f", SENDER,
                "-t", "user@example.org", f"127.0.0.1:{sink.port}",
            ]  # fmt: skip
            started = time.perf_counter()
            subprocess.run(argv, check=True, capture_output=True)
            return case.baseline / (time.perf_counter() - started)

        sending.rate(200, SENDER, lambda n: f"user{n}@example.org", plan)  # connects
        sending.cpu.clear()
        pair = in_turns(RUNS, ours, baseline)
        return pair, {"message_bytes": size, "cpu_us_per_attempt": sending.cpu_per_attempt()}


def _sending(home: Path, port: int) -> Sending:
    provider = {
        "name": "sink", "type": "smtp", "service_flag": EMAIL, "host": "127.0.0.1", "port": port, "weight": 1,
        "active": 1, "settings": {"connections": SESSIONS},
    }  # fmt: skip
    return Sending(home, {}, provider, flag=EMAIL)


def _attachments(home: Path, size: int) -> list[dict[str, Any]]:
    if not size:
        return []
    content = b"%PDF-1.4\n" + random.Random(7).randbytes(size - 15) + b"\n%%EOF"
    digest = MediaStore(home / "media").put(content)
    return [{"name": "offer.pdf", "content_type": "application/pdf", "digest": digest, "size": len(content)}]


def _size(home: Path, plan: Any) -> int:
    """Send one message to a server of our own: its bytes, head and body."""

    sizes: list[int] = []

    class Taker:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            sizes.append(len(envelope.content))
            return "250 OK"

    taker = Controller(Taker(), hostname="127.0.0.1", port=free_port())
    taker.start()
    try:
        with _sending(home / "one", taker.port) as sending:
            _share(home / "media", home / "one" / "media")
            sending.rate(1, SENDER, lambda n: "user@example.org", plan)
        return wait_until(lambda: sizes)[-1]
    finally:
        taker.stop()


def _share(media: Path, link: Path) -> None:
    """Let the second system see the first one's files."""
    if media.exists():
        if link.exists():
            link.rmdir()
        link.symlink_to(media)
