"""Running ours and the baseline in turns, and writing down what was found."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"


@dataclass(frozen=True)
class Pair:
    """Rates of ours and of the baseline, measured in turns."""

    ours: list[float]
    baseline: list[float]

    @property
    def ratio(self) -> float:
        """The median of the ratios of runs that were neighbours: what slows down the machine meets both of them."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.ours, self.baseline, strict=True))

    def shown(self) -> dict[str, Any]:
        """For the detail of a result."""
        return {
            "ratio": rounded(self.ratio),
            "ours": rounded(statistics.median(self.ours)),
            "baseline": rounded(statistics.median(self.baseline)),
            "ours_runs": [rounded(run) for run in self.ours],
            "baseline_runs": [rounded(run) for run in self.baseline],
            "ratios": [rounded(mine / theirs) for mine, theirs in zip(self.ours, self.baseline, strict=True)],
        }


def rounded(value: float) -> float:
    """Three or four digits that mean something."""
    return round(value, 3) if abs(value) < 100 else round(value)


def in_turns(runs: int, ours: Callable[[], float], baseline: Callable[[], float]) -> Pair:
    """Measure ours and the baseline ``runs`` times each, one after the other, so that both meet the same weather."""
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(runs):
        theirs.append(baseline())
        mine.append(ours())
    return Pair(mine, theirs)


@dataclass
class Result:
    """What a benchmark found. ``required``: what the ratio should reach at least."""

    bench: str
    pair: Pair
    unit: str
    required: float
    detail: dict[str, Any] = field(default_factory=dict)

    def line(self) -> dict[str, Any]:
        """The object that is printed."""
        shown = self.pair.shown()
        runs = {name: shown[name] for name in ("ours_runs", "baseline_runs", "ratios")}
        return {
            "bench": self.bench,
            "ratio": shown["ratio"],
            "ours": shown["ours"],
            "baseline": shown["baseline"],
            "unit": self.unit,
            "detail": {"required": self.required, **runs, **self.detail},
        }


def report(result: Result) -> None:
    """Print the result as one line of JSON, and keep it in ``tests/bench/results/``."""
    line = result.line()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{result.bench}.json").write_text(json.dumps(line, indent=2) + "\n")
    print(json.dumps(line), flush=True)


def note(text: str) -> None:
    """Tell the person who waits what is going on; standard output is for the results."""
    print(f"  {text}", file=sys.stderr, flush=True)


def lowest(pairs: Mapping[str, Pair]) -> tuple[str, Pair]:
    """The name and the pair with the lowest ratio."""
    return min(pairs.items(), key=lambda item: item[1].ratio)
