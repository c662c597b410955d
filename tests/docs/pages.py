"""Pages of documentation and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted({ROOT / "README.md", *(ROOT / "docs").rglob("*.md")})
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block. ``line``: where its content begins, from 1."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The blocks of a page, in order; only those of ``language`` when it is given."""
    text = page.read_text()
    found = [Block(page, text.count("\n", 0, match.start()) + 2, match[2], match[3]) for match in _FENCE.finditer(text)]
    return [block for block in found if language in (None, block.language)]


def all_blocks(language: str) -> list[Block]:
    """Every block of ``language`` in all pages."""
    return [block for page in PAGES for block in blocks(page, language)]
