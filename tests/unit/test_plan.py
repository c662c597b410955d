"""Plans: walking and checking them."""

from __future__ import annotations

import pytest

from ictcore.domain.errors import InvalidInput
from ictcore.domain.plan import Edge, Plan, Step, check, next_step, single

MENU = Plan(
    (Step("call", "originate"), Step("ask", "menu"), Step("sales", "transfer"), Step("bye", "disconnect")),
    (Edge("call", "success", "ask"), Edge("ask", "1", "sales"), Edge("ask", "*", "bye"), Edge("sales", "*", "bye")),
)
STRAIGHT = Plan((Step("call", "originate"), Step("play", "play")), (Edge("call", "success", "play"),))


@pytest.mark.parametrize(
    ("step", "outcome", "expected"),
    [
        pytest.param("call", "success", "ask", id="the only edge"),
        pytest.param("call", "error", None, id="no edge fits"),
        pytest.param("ask", "1", "sales", id="an exact outcome wins"),
        pytest.param("ask", "timeout", "bye", id="any other outcome"),
        pytest.param("bye", "success", None, id="the end"),
    ],
)
def test_walking(step: str, outcome: str, expected: str | None) -> None:
    found = next_step(MENU, step, outcome)
    assert (found.name if found else None) == expected


def test_branches() -> None:
    assert MENU.branches
    assert not STRAIGHT.branches
    assert not single("sms_send", {"text": "x"}).branches


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        pytest.param(Plan(()), "steps", id="no steps"),
        pytest.param(Plan((Step("a", "play"), Step("a", "play"))), "steps.1.name", id="a name twice"),
        pytest.param(Plan((Step("a", "fly"),)), "steps.0.application", id="unknown application"),
        pytest.param(Plan((Step("a", "play"),), (Edge("a", "1", "b"),)), "edges.0.target", id="edge to nowhere"),
        pytest.param(Plan((Step("a", "play"),), (Edge("b", "1", "a"),)), "edges.0.step", id="edge from nowhere"),
        pytest.param(Plan((Step("a", "play"), Step("b", "play"))), "steps.1", id="unreachable step"),
    ],
)
def test_an_unsound_plan_is_refused_with_the_path(plan: Plan, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(plan)
    assert field in caught.value.fields


@pytest.mark.parametrize("plan", [MENU, STRAIGHT, single("email_send", {})], ids=["menu", "straight", "single"])
def test_a_sound_plan_passes(plan: Plan) -> None:
    assert check(plan) is plan
