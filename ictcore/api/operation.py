"""An operation: one method on one path, with everything that is known about it.

The table of operations is the API: routes, checks, the OpenAPI document and the tests are all made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ictcore.api.call import Call

JSON = "application/json"


@dataclass(frozen=True)
class Parameter:
    """A query parameter. ``kind``: a type that msgspec knows."""

    name: str
    kind: Any = str
    help: str = ""


PAGING = (
    Parameter("limit", int, "How many rows, 1 to 1000; 50 when not given."),
    Parameter("offset", int, "How many rows to skip."),
    Parameter("sort", str, "Fields to sort by, separated by commas; a minus before a field reverses it."),
    Parameter(
        "count",
        str,
        "`exact`: count the total now, whatever it costs. Else a total above 1,000 may be two seconds old, and above"
        " 10,000 it is a lower bound.",
    ),
)


@dataclass(frozen=True)
class Operation:
    """One method on one path.

    :ivar id: as in the contract (``contacts.create``), unique.
    :ivar handler: does it; gets the :class:`~ictcore.api.call.Call`, returns what is to be sent (``None``: ``null``).
    :ivar permissions: shown in the documentation; the use case checks them.
    :ivar body: type of the JSON body; ``None``: no body is read. ``media``: the content types of a raw body instead.
    :ivar answer: type of the JSON answer; ``produces`` another content type instead.
    :ivar aliases: further ``(method, path)`` forms that do the same.
    :ivar errors: statuses that it may answer besides 401, 403, 412 for bodies and queries, 500 and 503.
    :ivar filters: a list: the names that may be searched by, all of them equality filters.
    """

    id: str
    method: str
    path: str
    handler: Callable[[Call], Any]
    summary: str
    permissions: tuple[str, ...] = ()
    body: Any = None
    media: tuple[str, ...] = ()
    answer: Any = None
    produces: str = JSON
    query: tuple[Parameter, ...] = ()
    filters: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    errors: frozenset[int] = frozenset()
    auth: bool = True
    description: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The group that it belongs to: the first part of its id."""
        return self.id.split(".", 1)[0]

    @property
    def forms(self) -> tuple[tuple[str, str], ...]:
        """Every ``(method, path)`` that it answers to."""
        return ((self.method, self.path), *self.aliases)
