"""Messages: texts, templates with attachments, documents and recordings."""

from __future__ import annotations

from peewee import DoubleField, ForeignKeyField

from ictcore.store.models.base import Id, Owned, Table, index, number, text


class Text(Owned):
    """An SMS text. ``type``: ``plain``, ``unicode`` or ``binary``; ``length``: characters of ``data``."""

    name = text()
    data = text()
    type = text("plain")
    description = text()
    length = number(0)
    message_class = number(1)
    encoding = number(0)


class Template(Owned):
    """An e-mail: ``body`` is HTML, ``body_alt`` plain text; ``length``: bytes of all parts."""

    name = text()
    description = text()
    subject = text()
    body = text()
    body_alt = text()
    type = text()
    length = number(0)


class TemplateAttachment(Table):
    """A file that goes with a template; the bytes are in the media store under ``digest`` (SHA-256)."""

    id = Id()
    template = ForeignKeyField(Template, on_delete="CASCADE")
    name = text()
    content_type = text()
    digest = text()
    size = number(0)
    created_at = DoubleField()


class Document(Owned):
    """A fax document."""

    name = text()
    description = text()
    type = text()
    digest = text()
    pages = number(0)
    size_x = number(0)
    size_y = number(0)
    quality = text("standard")
    resolution_x = number(0)
    resolution_y = number(0)


class Recording(Owned):
    """A voice recording; ``length`` in seconds."""

    name = text()
    description = text()
    type = text()
    digest = text()
    length = number(0)
    codec = text()
    channel = number(0)
    sample = number(0)
    bitrate = number(0)


for _model in (Text, Template, Document, Recording):
    index(_model, f"{_model._meta.table_name}_owner", "created_by", "id")
