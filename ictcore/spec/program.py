"""What a program plugin registers: a type of program, compiled to a plan for each transmission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from ictcore.domain.plan import Plan


@dataclass(frozen=True, slots=True)
class Compilation:
    """What a program is compiled with.

    :ivar parameters: the program's parameters, an instance of its ``parameters`` type.
    :ivar references: for every reference of the program that is set, the row it points to: field -> column values.
        ``template`` rows have a key ``attachments``: a list of ``{name, content_type, digest, size}``.
    :ivar tokens: what tokens resolve to: ``contact``, ``account``, ``transmission``, ``program``, ``user``.
    """

    parameters: Any
    references: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tokens: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """An inbound route that a program asks for: messages of ``service`` to ``called`` run it.

    :ivar called: number or address in its normal form; ``""``: every one that no other route matches.
    :ivar keyword: first word of the text, compared without case; ``""``: any text.
    """

    service: str
    called: str = ""
    keyword: str = ""


class ProgramType(Protocol):
    """A type of program."""

    name: str
    """As in the REST path: ``sendsms``."""
    service: str
    direction: str
    """``outbound`` or ``inbound``."""
    parameters: type[msgspec.Struct]
    """Its own fields, beside ``name``, ``type`` and ``parent_id`` that every program has. All have defaults or are
    required; validation and the OpenAPI document come from it."""
    references: Mapping[str, str]
    """Parameter -> noun that it must be an id of (``text_id`` -> ``text``); checked, and kept from being deleted."""

    def compile(self, compilation: Compilation) -> Plan:
        """The plan of one transmission, tokens rendered. Pure; called once per attempt.

        :raises InvalidInput: it cannot be compiled with these values; the transmission becomes ``invalid``.
        """
        ...

    def routes(self, parameters: Any, references: Mapping[str, Mapping[str, Any]]) -> Sequence[RouteRequest]:
        """The inbound routes that the program wants; ``()`` for outbound programs. The core normalises ``called``.

        :raises InvalidInput: the parameters ask for no route that can be.
        """
        ...
