"""What an API dialect registers: another vendor's API, spoken under a path prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""A WSGI application (PEP 3333)."""


class Dialect(Protocol):
    """A further API over the same system."""

    name: str
    prefix: str
    """Path under which it is mounted, such as ``/rpc``; begins with ``/`` and ends without one."""

    def wsgi(self, core: WsgiApp) -> WsgiApp:
        """The application that answers below the prefix.

        :param core: the REST API itself. A dialect parses its own format, calls ``core`` and renders the answer: so it
            has no rules of its own, and no right that the REST API does not have.
        """
        ...
