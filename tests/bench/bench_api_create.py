"""Creating contacts, each committed durably, against a bare Falcon application that verifies the token and inserts."""

from __future__ import annotations

import json

from tests.bench.lib.api_pair import api_pair
from tests.bench.lib.measure import Result
from tests.bench.lib.programs import program
from tests.bench.lib.systems import folder

RUNS = 5
SECONDS = 3
BODY = {"first_name": "Maria", "last_name": "Lopez", "phone": "+12025550143", "email": "maria@example.com"}
SCRIPT = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{json.dumps(BODY)}]]
"""


def main() -> Result:
    """Requests per second on SQLite."""
    program("wrk", "wrk")
    with folder() as work, api_pair(work) as servers:
        pair, shown = servers.measure("/contacts", script=SCRIPT, runs=RUNS, seconds=SECONDS)
    return Result("api_create", pair, "requests/s", 0.6, {"cpu_us_per_request": shown["cpu_us_per_request"]})
