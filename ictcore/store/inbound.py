"""What an inbound message needs: the routes that may answer it, and the rows that it becomes. Epoch seconds."""

# SQL is put together from constants of this package only; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence

from ictcore.store.bulk import among, as_json
from ictcore.store.database import Row, Store

_ROUTE = "SELECT r.program_id, r.account_id, r.created_by FROM route r"
_BEST = " ORDER BY r.weight, r.id LIMIT 1"


def route(store: Store, flag: int, called: str, keyword: str) -> Row | None:
    """The route for exactly this called address and keyword: program, account, owner."""
    return store.row(
        f"{_ROUTE} WHERE r.service_flag = ? AND r.called = ? AND r.keyword = ?{_BEST}", (flag, called, keyword)
    )


def catch_all(store: Store, flag: int, keyword: str) -> Row | None:
    """The route for any called address and exactly this keyword: program, account, owner."""
    return store.row(
        f"{_ROUTE} WHERE r.service_flag = ? AND r.called = '' AND r.keyword = ? AND r.account_id IS NULL{_BEST}",
        (flag, keyword),
    )


def account_route(store: Store, flag: int, field: str, called: str, keywords: Sequence[str]) -> Row | None:
    """A route to a program of the active account whose ``field`` (``phone`` or ``email``) is the called address.

    :param keywords: the message's first word and ``""``; a route with a word wins.
    """
    if field not in ("phone", "email"):
        raise ValueError(f"an account has no address field {field!r}")
    return store.row(
        "SELECT r.program_id, a.id, r.created_by FROM account a JOIN route r ON r.service_flag = ? AND r.called = ''"
        " AND (r.account_id = a.id OR EXISTS (SELECT 1 FROM program_resource p WHERE p.program_id = r.program_id"
        " AND p.resource_type = 'account' AND p.resource_id = a.id))"
        f" WHERE a.{field} = ? AND a.{field} <> '' AND a.active = 1 AND {among(store, 'r.keyword', 'text')}"
        " ORDER BY r.keyword = '', r.weight, r.id LIMIT 1",
        (flag, called, as_json(list(keywords))),
    )


def account_of(store: Store, field: str, called: str, owner: int | None) -> int | None:
    """The owner's account whose ``field`` is the called address."""
    if field not in ("phone", "email"):
        raise ValueError(f"an account has no address field {field!r}")
    found: int | None = store.value(
        f"SELECT id FROM account WHERE {field} = ? AND {field} <> '' AND created_by = ? ORDER BY id LIMIT 1",
        (called, owner),
    )
    return found


def contact(store: Store, field: str, address: str, owner: int | None, now: float) -> int:
    """The owner's contact with exactly this address; it is made when there is none. Its id."""
    if field not in ("phone", "email"):
        raise ValueError(f"a contact has no address field {field!r}")
    found: int | None = store.value(
        f"SELECT id FROM contact WHERE created_by = ? AND {field} = ? AND {field} <> '' ORDER BY id LIMIT 1",
        (owner, address),
    )
    if found is not None:
        return found
    made: int = store.value(
        f"INSERT INTO contact (created_by, created_at, {field}) VALUES (?, ?, ?) RETURNING id", (owner, now, address)
    )
    return made


def transmission(
    store: Store,
    *,
    title: str,
    flag: int,
    program: int,
    account: int | None,
    contact: int,
    owner: int | None,
    at: float,
    now: float,
) -> int:
    """A completed inbound transmission; its id."""
    made: int = store.value(
        "INSERT INTO transmission (created_by, created_at, title, service_flag, account_id, contact_id, program_id,"
        " origin, direction, status, try_allowed, try_done, last_run)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'gateway', 'inbound', 'completed', 1, 1, ?) RETURNING id",
        (owner, now, title, flag, account, contact, program, at),
    )
    return made


def spool(
    store: Store,
    *,
    uuid: str,
    transmission: int,
    flag: int,
    account: int | None,
    owner: int | None,
    source: str,
    destination: str,
    vendor_id: str,
    provider: int | None,
    node: int | None,
    at: float,
    now: float,
) -> int:
    """The completed attempt of an inbound transmission; its id."""
    made: int = store.value(
        "INSERT INTO spool (uuid, transmission_id, created_by, account_id, service_flag, state, source, destination,"
        " provider_id, node_id, cause, vendor_id, amount, time_spool, time_start, time_connect, time_end)"
        " VALUES (?, ?, ?, ?, ?, 'completed', ?, ?, ?, ?, 'normal', ?, 1, ?, ?, ?, ?) RETURNING id",
        (uuid, transmission, owner, account, flag, source, destination, provider, node, vendor_id, now, at, at, now),
    )
    return made


def text(store: Store, *, name: str, data: str, owner: int | None, now: float) -> int:
    """A stored SMS text; its id."""
    kind = "plain" if data.isascii() else "unicode"
    made: int = store.value(
        "INSERT INTO text (created_by, created_at, name, data, type, length) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        (owner, now, name, data, kind, len(data)),
    )
    return made


def template(
    store: Store,
    *,
    name: str,
    subject: str,
    html: str,
    plain: str,
    files: Sequence[tuple[str, str, str, int]],
    owner: int | None,
    now: float,
) -> int:
    """A stored e-mail with its files (rows of name, content type, digest, size in bytes); its id."""
    length = len(html.encode()) + len(plain.encode()) + sum(size for *_, size in files)
    made: int = store.value(
        "INSERT INTO template (created_by, created_at, name, subject, body, body_alt, length)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (owner, now, name, subject, html, plain, length),
    )
    store.many(
        "INSERT INTO template_attachment (template_id, name, content_type, digest, size, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(made, *file, now) for file in files],
    )
    return made


def provider_called(store: Store, name: str) -> int | None:
    """The id of the provider with this name."""
    found: int | None = store.value("SELECT id FROM provider WHERE name = ?", (name,)) if name else None
    return found
