"""Prefix rules of providers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ictcore.dispatch.prefix import parse_prefix

CASES = [
    pytest.param("", "+44123", "+44123", 0, id="no rule"),
    pytest.param("00|+,0|44", "0044123", "+44123", 2, id="the first pair that fits"),
    pytest.param("00|+,0|44", "0123", "44123", 1, id="the second pair"),
    pytest.param("00|+,0|44", "+44123", "+44123", -1, id="no pair fits: unchanged"),
    pytest.param("0|44,00|+", "00123", "440123", 2, id="the first that fits is applied, the longest counts"),
    pytest.param("+44|0", "+44123", "0123", 3, id="national form"),
    pytest.param("+|", "+44123", "44123", 1, id="plus removed"),
    pytest.param("|9", "+44123", "9+44123", 0, id="an empty remove fits all"),
    pytest.param("12", "+44123", "1244123", 0, id="digits before the number"),
    pytest.param(" 12 ", "0123", "120123", 0, id="spaces around"),
    pytest.param(" +44 | 0 , |", "+44123", "0123", 3, id="spaces within"),
]


@pytest.mark.parametrize(("rule", "number", "wanted", "matches"), CASES)
def test_rule(rule: str, number: str, wanted: str, matches: int) -> None:
    parsed = parse_prefix(rule)
    assert parsed.apply(number) == wanted
    assert parsed.matches(number) == matches


@given(st.text(alphabet="+0123456789|,* x", max_size=30), st.text(alphabet="+0123456789", max_size=20))
def test_never_raises_and_keeps_the_end_of_the_number(rule: str, number: str) -> None:
    parsed = parse_prefix(rule)
    made = parsed.apply(number)
    longest = max((len(remove) for remove, _ in parsed.pairs), default=1)
    assert made.endswith(number[max(longest, 1) :])
    assert parsed.plain == (not parsed.pairs and not parsed.before)
