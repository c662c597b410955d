"""``/messages/templates``"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import NO_CONTROL, Content, Moment, Name, Prose, Struct, given, partial
from ictcore.usecases import templates

Subject = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_CONTROL)]
"""One line: a second one would be a header of the sender's own."""
Extension = Annotated[str, Meta(max_length=32, pattern=NO_CONTROL)]


class TemplateIn(Struct):
    """An e-mail to be made: ``body`` is HTML, ``body_alt`` plain text, at least one of them is needed.

    Tokens such as ``[contact:first_name]`` are replaced when it is sent.
    """

    name: Name
    subject: Subject
    body: Content | UnsetType | None = UNSET
    body_alt: Content | UnsetType | None = UNSET
    type: Extension | UnsetType | None = UNSET
    description: Prose | UnsetType | None = UNSET


TemplatePatch = partial(TemplateIn, "TemplatePatch")


class Attachment(Struct):
    """A file that goes with a template. ``size`` in bytes."""

    attachment_id: int
    name: str
    content_type: str
    size: int


class Template(Struct):
    """An e-mail. ``length``: bytes of all parts."""

    template_id: int
    name: str
    description: str
    subject: str
    body: str
    body_alt: str
    type: str
    length: int
    user_id: int | None
    date_created: Moment
    last_updated: Moment | None
    attachments: list[Attachment]


class TemplateId(Struct):
    """The new template's id."""

    template_id: int


def _create(call: Call) -> Any:
    return {"template_id": templates.create(call.system, call.actor, given(call.body))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(templates.page(call.system, call.actor, page), page)


def _get(call: Call) -> Any:
    return templates.get(call.system, call.actor, call.ids["template_id"])


def _update(call: Call) -> Any:
    return templates.update(call.system, call.actor, call.ids["template_id"], given(call.body))


def _delete(call: Call) -> Any:
    templates.delete(call.system, call.actor, call.ids["template_id"])
    return True


_MISSING = frozenset({404})
_ONE = "/messages/templates/{template_id}"
_FILTERS = tuple(name for name in Template.__struct_fields__ if name != "attachments")

OPERATIONS = (
    Operation("templates.create", "POST", "/messages/templates", _create, "Create a template", ("template_create",),
              body=TemplateIn, answer=TemplateId),
    Operation("templates.list", "GET", "/messages/templates", _list, "Get all templates", ("template_list",),
              answer=list[Template], query=PAGING, filters=(*_FILTERS, "before", "after")),
    Operation("templates.get", "GET", _ONE, _get, "View a template", ("template_read",), answer=Template,
              errors=_MISSING),
    Operation("templates.update", "PUT", _ONE, _update, "Change a template", ("template_update",), body=TemplatePatch,
              answer=Template, errors=_MISSING),
    Operation("templates.delete", "DELETE", _ONE, _delete, "Delete a template and its attachments",
              ("template_delete",), answer=bool, errors=frozenset({404, 423})),
)  # fmt: skip
