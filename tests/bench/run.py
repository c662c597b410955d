"""All benchmarks, or those that are named: ``python tests/bench/run.py [name ...]``.

Each one prints one line of JSON; results are kept in ``tests/bench/results/``. Every benchmark is a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def names() -> list[str]:
    """Every benchmark."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def main(wanted: Sequence[str]) -> int:
    """Run them one after the other; 1 when one could not be run, 2 when a name is not known."""
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted or names():
        print(f"{name} ...", file=sys.stderr, flush=True)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        argv = [sys.executable, "-m", "tests.bench.lib.one", name]
        failed |= subprocess.run(argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
