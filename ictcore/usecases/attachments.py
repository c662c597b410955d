"""Files that go with templates. Their bytes are in the media store, under the hash of their content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ictcore.domain.errors import InvalidInput, NotFound
from ictcore.domain.user import Actor
from ictcore.store.media import MediaStore
from ictcore.usecases.system import System, found, require

MOST = 50
"""Attachments of one template."""
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_COLUMNS = "id, name, content_type, size, digest"


def media(system: System) -> MediaStore:
    """The store of all files."""
    return MediaStore(system.home / "media")


def largest(system: System) -> int:
    """The most bytes that a file may have."""
    return int(system.settings["media.largest"])


def file_name(field: str, name: str) -> str:
    """``name`` without the folders that some clients send with it.

    :raises InvalidInput: nothing is left, it is too long, or it holds control characters; the field is ``field``.
    """
    last = re.split(r"[/\\]", name)[-1].strip()
    if not last or last in (".", "..") or len(last) > 255 or _CONTROL.search(last):
        raise InvalidInput(fields={field: "must be a file name of 1 to 255 characters without control characters"})
    return last


def content_type(field: str, text: str) -> str:
    """The media type in ``text``, without its parameters, in small letters (RFC 6838, section 4.2).

    :raises InvalidInput: it is none.
    """
    kind = text.partition(";")[0].strip().lower() or "application/octet-stream"
    if not _CONTENT_TYPE.fullmatch(kind):
        raise InvalidInput(fields={field: "must be a media type such as application/pdf"})
    return kind


def put(system: System, actor: Actor, template_id: int, name: str, kind: str, content: bytes, *, replace: bool) -> int:
    """Attach a file; the attachment's id.

    :param replace: an attachment of the same name goes.
    :raises NotFound: there is no such template that the actor sees.
    :raises InvalidInput: the file is empty, or too large, or the template has too many.
    """
    owner = require(actor, "template_update", "template")
    if not content:
        raise InvalidInput(fields={"body": "is empty"})
    found(system.rows.template, "template", template_id, owner)
    digest = media(system).put(content)
    with system.store.transaction() as store:
        if system.rows.template.lock(template_id, owner) is None:
            raise NotFound(f"there is no template {template_id}")
        if replace:
            store.run("DELETE FROM template_attachment WHERE template_id = ? AND name = ?", (template_id, name))
        if store.value("SELECT count(*) FROM template_attachment WHERE template_id = ?", (template_id,)) >= MOST:
            raise InvalidInput(fields={"body": f"a template has at most {MOST} attachments"})
        attachment = insert(system, template_id, name, kind, digest, len(content))
        measure(system, template_id)
    return attachment


def insert(system: System, template_id: int, name: str, kind: str, digest: str, size: int) -> int:
    """Note a file that is in the media store as an attachment; its id. No right is checked."""
    return int(
        system.store.value(
            "INSERT INTO template_attachment (template_id, name, content_type, digest, size, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (template_id, name, kind, digest, size, system.now()),
        )
    )


def of_many(system: System, template_ids: Sequence[int], *, digests: bool = False) -> dict[int, list[dict[str, Any]]]:
    """Template -> its attachments in their order: ``{attachment_id, name, content_type, size}``.

    :param digests: with the hash of each file's content, under which the media store has it.
    """
    files: dict[int, list[dict[str, Any]]] = {}
    if not template_ids:
        return files
    marks = ", ".join("?" * len(template_ids))
    rows = system.store.rows(
        f"SELECT template_id, {_COLUMNS} FROM template_attachment WHERE template_id IN ({marks}) ORDER BY id",  # noqa: S608
        template_ids,
    )
    for template_id, attachment_id, name, kind, size, digest in rows:
        file = {"attachment_id": attachment_id, "name": name, "content_type": kind, "size": size}
        files.setdefault(template_id, []).append(file | {"digest": digest} if digests else file)
    return files


def get(
    system: System, actor: Actor, template_id: int, *, attachment_id: int | None = None, name: str | None = None
) -> tuple[str, str, Path]:
    """Name, content type and path of one file: the one that is named, else the newest.

    :raises NotFound: there is no such template that the actor sees, or no such file.
    """
    owner = require(actor, "template_read", "template")
    found(system.rows.template, "template", template_id, owner)
    sql, values = f"SELECT {_COLUMNS} FROM template_attachment WHERE template_id = ?", [template_id]  # noqa: S608
    if attachment_id is not None:
        sql, values = f"{sql} AND id = ?", [*values, attachment_id]
    if name is not None:
        sql, values = f"{sql} AND name = ?", [*values, name]  # type: ignore[list-item]
    row = system.store.row(f"{sql} ORDER BY id DESC LIMIT 1", values)
    if row is None:
        raise NotFound(f"template {template_id} has no such attachment")
    path = media(system).path(row[4])
    if not path.is_file():
        raise NotFound(f"the file of attachment {row[0]} is gone")
    return row[1], row[2], path


def delete(system: System, actor: Actor, template_id: int, attachment_id: int) -> None:
    """Take a file off a template. What is queued already still has it.

    :raises NotFound: there is no such template that the actor sees, or no such attachment.
    """
    owner = require(actor, "template_update", "template")
    with system.store.transaction() as store:
        if system.rows.template.lock(template_id, owner) is None:
            raise NotFound(f"there is no template {template_id}")
        gone = store.run(
            "DELETE FROM template_attachment WHERE template_id = ? AND id = ?", (template_id, attachment_id)
        )
        if not gone:
            raise NotFound(f"template {template_id} has no attachment {attachment_id}")
        measure(system, template_id)


def measure(system: System, template_id: int) -> None:
    """Bring a template's ``length`` up to date."""
    row = found(system.rows.template, "template", template_id, None)
    files = system.store.value(
        "SELECT coalesce(sum(size), 0) FROM template_attachment WHERE template_id = ?", (template_id,)
    )
    length = len(row["body"].encode()) + len(row["body_alt"].encode()) + int(files)
    system.rows.template.update(template_id, {"length": length}, None, system.now())
