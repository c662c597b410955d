"""One benchmark in this process: ``python -m tests.bench.lib.one name``."""

from __future__ import annotations

import importlib
import signal
import sys

from tests.bench.lib.measure import report
from tests.bench.lib.programs import Missing


def main(name: str) -> int:
    """Run it and report its result; 1 when a program that it needs is missing."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are stopped on the way out
    try:
        report(importlib.import_module(f"tests.bench.bench_{name}").main())
    except Missing as missing:
        print(f"{name} cannot be run: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
