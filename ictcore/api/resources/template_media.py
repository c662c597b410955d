"""``/messages/templates/{template_id}/media``: the files that go with a template"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ictcore.api.call import Call
from ictcore.api.files import named, read
from ictcore.api.operation import Operation, Parameter
from ictcore.api.types import Struct
from ictcore.domain.errors import NotFound
from ictcore.store.filters import whole
from ictcore.usecases import attachments


class MediaId(Struct):
    """The template, and the attachment that it has now."""

    template_id: int
    attachment_id: int


def _put(call: Call, *, replace: bool) -> Any:
    template_id = call.ids["template_id"]
    kind = attachments.content_type("Content-Type", call.request.content_type or "")
    given = named(call)
    name = attachments.file_name("name", "attachment" if given is None else given)
    content = read(call.request, attachments.largest(call.system))
    attachment_id = attachments.put(call.system, call.actor, template_id, name, kind, content, replace=replace)
    return {"template_id": template_id, "attachment_id": attachment_id}


def _get(call: Call) -> Any:
    chosen = call.query("attachment_id")
    attachment_id = None if chosen is None else whole("attachment_id", chosen)
    return _send(call, attachment_id, call.query("name"))


def _get_one(call: Call) -> Any:
    return _send(call, call.ids["attachment_id"], None)


def _send(call: Call, attachment_id: int | None, name: str | None) -> Any:
    name, kind, path = attachments.get(
        call.system, call.actor, call.ids["template_id"], attachment_id=attachment_id, name=name
    )
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise NotFound("the file is gone") from None
    response = call.response
    response.content_type = kind
    # What users have uploaded must not run as a page of ours in somebody's browser.
    plain = name.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "_").replace("?", "_")
    response.set_header("Content-Disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}")
    response.set_header("X-Content-Type-Options", "nosniff")
    response.set_header("Content-Security-Policy", "sandbox")
    response.set_stream(stream, path.stat().st_size)


def _delete(call: Call) -> Any:
    attachments.delete(call.system, call.actor, call.ids["template_id"], call.ids["attachment_id"])
    return True


_ALL = "/messages/templates/{template_id}/media"
_ONE = "/messages/templates/{template_id}/media/{attachment_id}"
_MISSING = frozenset({404})
_ANY = ("*/*",)
_NAME = (Parameter("name", str, "The file's name; else that of Content-Disposition."),)
_WHICH = (
    Parameter("attachment_id", int, "Which file; without it, and without name, the newest."),
    Parameter("name", str, "Which file, by its name."),
)

OPERATIONS = (
    Operation("templates.media.put", "PUT", _ALL, lambda call: _put(call, replace=True),
              "Attach a file; one of the same name is replaced", ("template_update",), media=_ANY, answer=MediaId,
              query=_NAME, errors=_MISSING),
    Operation("templates.media.add", "POST", _ALL, lambda call: _put(call, replace=False), "Attach a file",
              ("template_update",), media=_ANY, answer=MediaId, query=_NAME, errors=_MISSING),
    Operation("templates.media.get", "GET", _ALL, _get, "Download an attached file", ("template_read",),
              produces="*/*", query=_WHICH, errors=_MISSING,
              aliases=(("GET", "/messages/templates/{template_id}/download"),)),
    Operation("templates.media.get_one", "GET", _ONE, _get_one, "Download one attached file", ("template_read",),
              produces="*/*", errors=_MISSING),
    Operation("templates.media.delete", "DELETE", _ONE, _delete, "Take a file off a template", ("template_update",),
              answer=bool, errors=_MISSING),
)  # fmt: skip
