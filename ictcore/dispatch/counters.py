"""What a dispatcher has done since it started."""

from __future__ import annotations

from collections.abc import Mapping


class Counters:
    """Numbers that only grow, by name. Written by one thread, read by any."""

    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def add(self, name: str, amount: int) -> None:
        """Count ``amount`` more."""
        if amount:
            self._values[name] = self._values.get(name, 0) + amount

    def take(self, amounts: Mapping[str, int]) -> None:
        """Count several."""
        for name, amount in amounts.items():
            self.add(name, amount)

    def __getitem__(self, name: str) -> int:
        return self._values.get(name, 0)

    def values(self) -> dict[str, int]:
        """A copy of all of them."""
        return dict(self._values)
