"""``/messages/texts``"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import NO_NUL, Moment, Name, Prose, Struct, given, partial
from ictcore.usecases import texts

Data = Annotated[str, Meta(min_length=1, max_length=100_000, pattern=NO_NUL)]
"""The words of a text; how many can be sent the program tells when it is compiled."""


class TextIn(Struct):
    """A text to be made. Tokens such as ``[contact:first_name]`` are replaced when it is sent."""

    name: Name
    data: Data
    type: Literal["plain", "unicode", "binary"] | UnsetType = UNSET
    description: Prose | UnsetType | None = UNSET


TextPatch = partial(TextIn, "TextPatch")


class Text(Struct):
    """A text. ``length``: characters of ``data``."""

    text_id: int
    name: str
    data: str
    type: str
    description: str
    length: int
    user_id: int | None
    date_created: Moment
    last_updated: Moment | None


class TextId(Struct):
    """The new text's id."""

    text_id: int


def _create(call: Call) -> Any:
    return {"text_id": texts.create(call.system, call.actor, given(call.body))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(texts.page(call.system, call.actor, page), page)


def _get(call: Call) -> Any:
    return texts.get(call.system, call.actor, call.ids["text_id"])


def _update(call: Call) -> Any:
    return texts.update(call.system, call.actor, call.ids["text_id"], given(call.body))


def _delete(call: Call) -> Any:
    texts.delete(call.system, call.actor, call.ids["text_id"])
    return True


_MISSING = frozenset({404})

OPERATIONS = (
    Operation("texts.create", "POST", "/messages/texts", _create, "Create a text", ("text_create",), body=TextIn,
              answer=TextId),
    Operation("texts.list", "GET", "/messages/texts", _list, "Get all texts", ("text_list",), answer=list[Text],
              query=PAGING, filters=(*Text.__struct_fields__, "before", "after")),
    Operation("texts.get", "GET", "/messages/texts/{text_id}", _get, "View a text", ("text_read",), answer=Text,
              errors=_MISSING),
    Operation("texts.update", "PUT", "/messages/texts/{text_id}", _update, "Change a text", ("text_update",),
              body=TextPatch, answer=Text, errors=_MISSING),
    Operation("texts.delete", "DELETE", "/messages/texts/{text_id}", _delete, "Delete a text", ("text_delete",),
              answer=bool, errors=frozenset({404, 423})),
)  # fmt: skip
