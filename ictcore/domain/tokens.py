"""Tokens such as ``[contact:first_name]`` in texts: replaced once, when a program is compiled to a plan.

Syntax: ``[name(:name)*]`` with word characters. A token that names nothing is left as it stands. What a token is
replaced with is never looked at again, so a contact called ``[account:passwd]`` stays a contact called that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(r"\[(\w+(?::\w+)+)\]")


def has_tokens(text: str) -> bool:
    """Whether ``text`` holds anything that looks like a token."""
    return _TOKEN.search(text) is not None


def render(text: str, values: Mapping[str, Any], *, escape: Callable[[str], str] | None = None) -> str:
    """``text`` with every known token replaced by its value.

    :param values: nested mappings: ``{"contact": {"first_name": "Ada"}}``. A value of ``None`` gives ``""``.
    :param escape: applied to each value, for example ``html.escape`` when ``text`` is HTML.
    """

    def replace(match: re.Match[str]) -> str:
        found: Any = values
        for name in match[1].split(":"):
            if not isinstance(found, Mapping) or name not in found:
                return match[0]
            found = found[name]
        if isinstance(found, Mapping):
            return match[0]
        plain = "" if found is None else str(found)
        return escape(plain) if escape else plain

    return _TOKEN.sub(replace, text) if "[" in text else text
