"""One call that sends: what is needed is created and queued in one transaction.

A service is added by a function beside :func:`sms` and :func:`email`: it stores its message and names its program type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ictcore.domain import service as services
from ictcore.domain.errors import InvalidInput, NotSupported
from ictcore.domain.user import Actor
from ictcore.usecases import attachments, attempts, programs, templates, texts, transmissions
from ictcore.usecases.compilation import address_of, normal, service_called
from ictcore.usecases.fields import known_fields
from ictcore.usecases.references import visible
from ictcore.usecases.system import System, found

ORIGIN = "send"
"""``origin`` of the transmissions that are made here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """To whom, from which account and when.

    :ivar to: number or address; exactly one of ``to`` and ``contact_id`` is given.
    :ivar not_before: epoch seconds, ``None``: at once.
    """

    to: str | None = None
    contact_id: int | None = None
    account_id: int | None = None
    title: str = ""
    try_allowed: int = 1
    not_before: float | None = None


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a service is sent.

    :ivar program: the program type that does it, and ``permissions`` for what is made.
    :ivar fields: field of the program or message -> field of the request, for errors.
    """

    service: str
    program: str
    permissions: tuple[str, ...]
    fields: Mapping[str, str]


_SMS = _Way(services.SMS, "sendsms", ("text_create",), {"text_id": "text", "message": "text"})
_EMAIL = _Way(
    services.EMAIL,
    "sendemail",
    ("template_create",),
    {"template_id": "subject", "body": "html", "body_alt": "text"},
)


def sms(system: System, actor: Actor, wanted: Wanted, text: str, *, sender: str | None = None) -> dict[str, int]:
    """Send a text. ``{transmission_id, spool_id, contact_id, program_id}``.

    :param sender: number or name that it comes from, instead of the account's number.
    :raises InvalidInput: the request cannot be carried out; the field is named, and nothing was made.
    :raises NotSupported: no installed plugin can send it.
    """

    def message() -> dict[str, Any]:
        values = {"name": wanted.title, "data": text, "type": "plain" if text.isascii() else "unicode"}
        text_id = texts.insert(system, actor.user_id, values)
        return {"text_id": text_id, "from": sender}

    return _send(system, actor, wanted, _SMS, message)


def email(
    system: System,
    actor: Actor,
    wanted: Wanted,
    *,
    subject: str,
    text: str = "",
    html: str = "",
    files: Sequence[File] = (),
    extra: Mapping[str, str | None] | None = None,
) -> dict[str, int]:
    """Send a mail. ``{transmission_id, spool_id, contact_id, program_id}``.

    :param extra: ``from``, ``from_name``, ``reply_to`` and ``list_unsubscribe``, as far as they are given.
    :raises InvalidInput: the request cannot be carried out; the field is named, and nothing was made.
    :raises NotSupported: no installed plugin can send it.
    """
    _check_files(system, files)
    if not text and not html:
        raise InvalidInput(fields={"text": "text or html is required"})
    # Files are kept under the hash of their content: when the transaction fails, one that nobody uses is no harm.
    store = attachments.media(system)
    kept = [(file, store.put(file.content)) for file in files]

    def message() -> dict[str, Any]:
        values = {"name": wanted.title or subject[:128], "subject": subject, "body": html, "body_alt": text}
        template_id = templates.insert(system, actor.user_id, values)
        for file, digest in kept:
            attachments.insert(system, template_id, file.name, file.content_type, digest, len(file.content))
        if kept:
            attachments.measure(system, template_id)
        return {"template_id": template_id, **(extra or {})}

    return _send(system, actor, wanted, _EMAIL, message)


def _send(
    system: System, actor: Actor, wanted: Wanted, way: _Way, message: Callable[[], dict[str, Any]]
) -> dict[str, int]:
    actor.require("transmission_create", "transmission_send", "program_create", *way.permissions)
    service = service_called(system, way.service)
    kind = system.registry.programs.get(way.program)
    if kind is None:
        raise NotSupported(f"no installed plugin has the program type {way.program}")
    if (wanted.to is None) == (wanted.contact_id is None):
        raise InvalidInput(fields={"to": "give either to or contact_id"})
    with system.store.transaction(), _renamed(way.fields):
        contact_id = _contact(system, actor, wanted, way.service)
        if wanted.account_id is not None:
            visible(system, actor, "account_id", "account", wanted.account_id)
        parameters = {name: value for name, value in message().items() if value is not None}
        unknown = parameters.keys() - known_fields(kind.parameters)
        if unknown:
            raise InvalidInput(fields=dict.fromkeys(unknown, f"the installed {way.program} does not know it"))
        values = {"name": wanted.title[:128] or way.program, **parameters}
        program_id = programs.insert(system, actor, kind, values, actor.user_id)
        row = {
            "title": wanted.title or way.program,
            "service_flag": service.flag,
            "account_id": wanted.account_id or transmissions.account_for(system, actor),
            "contact_id": contact_id,
            "program_id": program_id,
            "origin": ORIGIN,
            "direction": "outbound",
            "try_allowed": wanted.try_allowed,
        }
        transmission_id = transmissions.insert(system, actor.user_id, row)
        stored = found(system.rows.transmission, "transmission", transmission_id, None)
        due = system.now() if wanted.not_before is None else wanted.not_before
        spool_id = attempts.queue(system, stored, not_before=due)
    return {
        "transmission_id": transmission_id,
        "spool_id": spool_id,
        "contact_id": contact_id,
        "program_id": program_id,
    }


def _contact(system: System, actor: Actor, wanted: Wanted, service_name: str) -> int:
    service = service_called(system, service_name)
    if wanted.to is not None:
        address = normal(system, service, "to", wanted.to)
        return transmissions.contact_with(system, actor, service.address_field, address, wanted.to)
    assert wanted.contact_id is not None
    contact = visible(system, actor, "contact_id", "contact", wanted.contact_id)
    try:
        address_of(system, service, contact)
    except InvalidInput as error:
        reason = "; ".join(error.fields.values())
        raise InvalidInput(fields={"contact_id": f"its {service.address_field} cannot be used: {reason}"}) from None
    return wanted.contact_id


def _check_files(system: System, files: Sequence[File]) -> None:
    problems: dict[str, str] = {}
    largest = attachments.largest(system)
    if len(files) > attachments.MOST:
        problems["attachments"] = f"at most {attachments.MOST}"
    if sum(len(file.content) for file in files) > largest:
        problems["attachments"] = f"must not be larger than {largest} bytes together"
    problems |= {f"attachments[{number}].content": "is empty" for number, file in enumerate(files) if not file.content}
    if problems:
        raise InvalidInput(fields=problems)


@contextmanager
def _renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Errors name the fields of the request, not of what is made from it."""
    try:
        yield
    except InvalidInput as error:
        if not error.fields:
            raise
        raise InvalidInput(fields={names.get(name, name): reason for name, reason in error.fields.items()}) from None
