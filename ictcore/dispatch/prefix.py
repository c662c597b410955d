"""A provider's prefix rule: how it wants to have numbers, and which ones it is best at.

ICTCore's form is a comma list of ``remove|add`` pairs, of which the first whose ``remove`` is a leading part of the
number is applied (``00|+,0|44``). Digits alone are dialled before every number, less its ``+``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """A parsed rule. ``before``: what is put before every number; ``pairs``: what is replaced."""

    pairs: tuple[tuple[str, str], ...] = ()
    before: str = ""

    @property
    def plain(self) -> bool:
        """Whether the rule leaves every number as it is."""
        return not self.pairs and not self.before

    def matches(self, number: str) -> int:
        """How much of the number the best pair knows: the length of ``remove``, ``-1`` when no pair fits.

        A rule without pairs fits every number, with 0.
        """
        if not self.pairs:
            return 0
        return max((len(remove) for remove, _ in self.pairs if number.startswith(remove)), default=-1)

    def apply(self, number: str) -> str:
        """The number as the provider wants it; unchanged when no pair fits."""
        for remove, add in self.pairs:
            if number.startswith(remove):
                return add + number[len(remove) :]
        if self.before:
            return self.before + number.removeprefix("+")
        return number


def parse_prefix(text: str) -> PrefixRule:
    """The rule that ``text`` stands for. Never raises: what is not a pair is put before the number."""
    if "|" not in text:
        return PrefixRule(before=text.strip())
    pairs = []
    for part in text.split(","):
        if part.strip():
            remove, _, add = part.strip().rpartition("|") if "|" in part else ("", "", part.strip())
            pairs.append((remove.strip(), add.strip()))
    return PrefixRule(tuple(pairs))
