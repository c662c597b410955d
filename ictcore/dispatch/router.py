"""Which line carries an attempt."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ictcore.dispatch.lines import Line


class Router:
    """Chooses among the lines of one service for one batch. Takes from ``line.capacity`` what it hands out.

    Lines are preferred by the longest leading part of the number that their prefix rule knows. A line whose rule has
    pairs and knows nothing of the number carries it only where no other line could, up or down. Among the preferred,
    the lighter one is used more. A line that is down gives way to the next one; a line that is only busy does not.

    :param lines: all lines of the service, in any state.
    :param down: ids of the lines that cannot be used now.
    """

    def __init__(self, lines: Sequence[Line], down: frozenset[int] | set[int], chance: random.Random) -> None:
        self._lines = lines
        self._down = down
        self._chance = chance
        self._ranks: dict[tuple[int, ...], list[list[Line]]] = {}
        self._simple = all(not line.prefix.pairs for line in lines)
        self._plain = [[line for line in lines if line.row.id not in down]]

    def choose(self, destination: str) -> Line | None:
        """The line for ``destination``, or ``None``: none has room now; :meth:`blocker` tells which one to wait for."""
        for group in self._groups(destination):
            if not group:
                continue
            if len(group) == 1:
                line = group[0]
            else:
                free = [line for line in group if line.capacity > 0]
                if not free:
                    return None
                line = free[0] if len(free) == 1 else self._chance.choices(free, [line.share for line in free])[0]
            if line.capacity <= 0:
                return None
            line.capacity -= 1
            return line
        return None

    def blocker(self, destination: str) -> Line:
        """The line that :meth:`choose` would have taken, had it been up or had room."""
        for group in self._groups(destination):
            if group:
                return group[0]
        ranks = self._rank([line.prefix.matches(destination) for line in self._lines], everything=True)
        return min(ranks[0], key=lambda line: line.down_until)

    def _groups(self, destination: str) -> list[list[Line]]:
        if self._simple:
            return self._plain
        matches = tuple(line.prefix.matches(destination) for line in self._lines)
        ranks = self._ranks.get(matches)
        if ranks is None:
            ranks = self._ranks[matches] = self._rank(matches)
        return ranks

    def _rank(self, matches: Sequence[int], *, everything: bool = False) -> list[list[Line]]:
        carriers = any(match >= 0 for match in matches)
        ranks: dict[int, list[Line]] = {}
        for line, match in zip(self._lines, matches, strict=True):
            if (match >= 0 or not carriers) and (everything or line.row.id not in self._down):
                ranks.setdefault(match, []).append(line)
        return [ranks[match] for match in sorted(ranks, reverse=True)]
