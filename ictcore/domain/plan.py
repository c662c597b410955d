"""A plan: what to do in one attempt, as pure data.

A program is compiled to a plan once; the gateway is handed the whole plan and walks it with :func:`next_step`,
reporting each step. The applications are ICTCore's words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ictcore.domain.errors import InvalidInput

APPLICATIONS: frozenset[str] = frozenset(
    {
        "originate", "answer", "play", "tts", "say_alpha", "say_date", "say_digits", "say_number", "say_time", "menu",
        "input", "record", "transfer", "connect", "callerid_set", "amd", "dnc", "wait", "disconnect", "log",
        "fax_send", "fax_receive", "sms_send", "sms_receive", "email_send", "email_receive",
    }
)  # fmt: skip
"""Every application that a step may name."""

SUCCESS = "success"
"""The outcome of a step that did what it should."""
ERROR = "error"
"""The outcome of a step that could not."""
ANY = "*"
"""An edge with this outcome is taken when no other edge of the step fits."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    :ivar name: unique in its plan; results are stored under it.
    :ivar application: one of :data:`APPLICATIONS`.
    :ivar data: the application's parameters, with all tokens already rendered; JSON values only.
    """

    name: str
    application: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """Where to go from ``step`` when it ends with ``outcome``."""

    step: str
    outcome: str
    target: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps and edges; the first step is where the walk begins.

    A plan of one step and no edges is the whole story of a message.
    """

    steps: tuple[Step, ...]
    edges: tuple[Edge, ...] = ()

    @property
    def first(self) -> Step:
        """The step where the walk begins."""
        return self.steps[0]

    @property
    def branches(self) -> bool:
        """Whether any step has more than one way to go on; a plan without branches may run inside a switch."""
        starts = [edge.step for edge in self.edges]
        return len(starts) != len(set(starts))

    def step(self, name: str) -> Step:
        """The step called ``name``.

        :raises KeyError: there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


def next_step(plan: Plan, step: str, outcome: str) -> Step | None:
    """The step that follows when ``step`` ended with ``outcome``; ``None`` when the plan is done.

    An exact outcome wins over :data:`ANY`.
    """
    fallback: str | None = None
    for edge in plan.edges:
        if edge.step != step:
            continue
        if edge.outcome == outcome:
            return plan.step(edge.target)
        if edge.outcome == ANY:
            fallback = edge.target
    return None if fallback is None else plan.step(fallback)


def single(application: str, data: Mapping[str, Any]) -> Plan:
    """The plan with one step, named as its application."""
    return Plan((Step(application, application, data),))


def check(plan: Plan) -> Plan:
    """Return ``plan`` unchanged when it is sound.

    :raises InvalidInput: no step, a repeated name, an unknown application, an edge from or to no step, or a step that
        cannot be reached; the field is the path of what is wrong, such as ``steps.2.application``.
    """
    problems: dict[str, str] = {}
    if not plan.steps:
        raise InvalidInput(fields={"steps": "a plan needs at least one step"})
    names = [step.name for step in plan.steps]
    for number, step in enumerate(plan.steps):
        if names.index(step.name) != number:
            problems[f"steps.{number}.name"] = f"{step.name!r} is used twice"
        if step.application not in APPLICATIONS:
            problems[f"steps.{number}.application"] = f"{step.application!r} is not an application"
    for number, edge in enumerate(plan.edges):
        if edge.step not in names:
            problems[f"edges.{number}.step"] = f"there is no step {edge.step!r}"
        if edge.target not in names:
            problems[f"edges.{number}.target"] = f"there is no step {edge.target!r}"
    for name in sorted(set(names) - _reachable(names[0], plan.edges)):
        problems[f"steps.{names.index(name)}"] = f"step {name!r} cannot be reached"
    if problems:
        raise InvalidInput(fields=problems)
    return plan


def _reachable(first: str, edges: Iterable[Edge]) -> set[str]:
    targets: dict[str, list[str]] = {}
    for edge in edges:
        targets.setdefault(edge.step, []).append(edge.target)
    seen, waiting = {first}, [first]
    while waiting:
        for target in targets.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen
