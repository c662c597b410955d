"""One request on its way to a handler: who asks, what for, and the decoded body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import falcon

from ictcore.domain.errors import InvalidInput
from ictcore.domain.user import Actor
from ictcore.store.table import Found, Page
from ictcore.usecases.system import System

LONGEST_PAGE = 1000
_PAGING = frozenset({"limit", "offset", "sort", "count"})


class Call:
    """What a handler gets.

    :ivar actor: who asks; for operations without authentication it must not be used.
    :ivar ids: the numbers in the path, by name; ``texts``: the other variable parts of the path.
    :ivar body: the decoded body, an instance of the operation's body type.
    """

    __slots__ = ("_actor", "body", "ids", "request", "response", "system", "texts")

    def __init__(
        self,
        system: System,
        actor: Actor | None,
        request: falcon.Request,
        response: falcon.Response,
        ids: Mapping[str, int],
        texts: Mapping[str, str],
        body: Any,
    ) -> None:
        self.system = system
        self._actor = actor
        self.request = request
        self.response = response
        self.ids = ids
        self.texts = texts
        self.body = body

    @property
    def actor(self) -> Actor:
        """Who asks."""
        if self._actor is None:
            raise RuntimeError("an operation without authentication has no actor")
        return self._actor

    def query(self, name: str) -> str | None:
        """A query parameter, ``None`` when it is not given; the last one when it is given twice.

        :raises InvalidInput: it holds NUL.
        """
        value = self.request.params.get(name)
        if isinstance(value, list):
            value = value[-1]
        if value is not None and "\x00" in value:
            raise InvalidInput(fields={name: "must be text without NUL"})
        return value

    def page(self) -> Page:
        """The part of a list that the query string asks for.

        :raises InvalidInput: ``limit`` or ``offset`` is no number or out of range.
        """
        params = self.request.params
        if not params:
            return Page()
        sort = tuple(
            (name.strip().lstrip("-+"), name.strip().startswith("-"))
            for name in (self.query("sort") or "").split(",")
            if name.strip()
        )
        return Page(
            limit=self._whole("limit", 50, 1, LONGEST_PAGE),
            offset=self._whole("offset", 0, 0, 2**62),
            sort=sort,
            filters={name: self.query(name) or "" for name in params if name not in _PAGING},
            exact=self.query("count") == "exact",
        )

    def listed(self, found: Found, page: Page) -> list[dict[str, Any]]:
        """The rows, after the headers ``X-Total-Count`` and ``Link`` (RFC 8288) are set."""
        response = self.response
        response.set_header("X-Total-Count", str(found.total))
        if found.more_than_total:
            response.set_header("X-Total-Count-Exact", "false")
        links = []
        if page.offset:
            links.append(self._link("prev", max(0, page.offset - page.limit)))
            links.append(self._link("first", 0))
        if found.more_than_total or page.offset + len(found.rows) < found.total:
            links.append(self._link("next", page.offset + page.limit))
        if links:
            response.set_header("Link", ", ".join(links))
        return found.rows

    def _link(self, relation: str, offset: int) -> str:
        params = {name: value for name, value in self.request.params.items() if name != "offset"}
        query = urlencode({**params, "offset": offset}, doseq=True)
        return f'<{self.request.path}?{query}>; rel="{relation}"'

    def _whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self.query(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise InvalidInput(fields={name: "must be a whole number"}) from None
        if not least <= value <= most:
            raise InvalidInput(fields={name: f"must be between {least} and {most}"})
        return value
