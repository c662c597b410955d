"""Requests that may be repeated: the same key and the same request get the first answer again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from ictcore.domain.errors import InvalidInput
from ictcore.domain.user import Actor
from ictcore.usecases.system import System

FIELD = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request got. ``replayed``: it is the answer of an earlier request."""

    answer: dict[str, Any]
    replayed: bool


def check_key(key: str) -> str:
    """``key`` unchanged when it can be one.

    :raises InvalidInput: it cannot.
    """
    if not _KEY.fullmatch(key):
        raise InvalidInput(fields={FIELD: "must have 1 to 255 visible ASCII characters"})
    return key


def once(
    system: System, actor: Actor, operation: str, key: str | None, request: Any, work: Callable[[], dict[str, Any]]
) -> Outcome:
    """Do ``work`` in a transaction, once per user, operation and key.

    Of two requests at the same time one does it, and the other waits for its answer. When the work fails, nothing is
    remembered: it can be tried again with the same key.

    :param key: ``None``: do it whatever came before.
    :param request: what is asked for; the same key with something else is refused.
    :raises InvalidInput: the key cannot be one, or was used for another request.
    """
    if key is not None:
        check_key(key)
    with system.store.transaction() as store:
        if key is None:
            return Outcome(work(), replayed=False)
        fingerprint = sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()
        row_id = store.value(
            "INSERT INTO idempotency (user_id, operation, key, fingerprint, created_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (user_id, operation, key) DO NOTHING RETURNING id",
            (actor.user_id, operation, key, fingerprint, system.now()),
        )
        if row_id is None:
            return _repeated(system, actor, operation, key, fingerprint)
        answer = work()
        text = msgspec.json.encode(answer).decode()
        store.run("UPDATE idempotency SET response = ? WHERE id = ?", (text, row_id))
        return Outcome(answer, replayed=False)


def _repeated(system: System, actor: Actor, operation: str, key: str, fingerprint: str) -> Outcome:
    row = system.store.row(
        "SELECT fingerprint, response FROM idempotency WHERE user_id = ? AND operation = ? AND key = ?",
        (actor.user_id, operation, key),
    )
    if row is None or row[0] != fingerprint:
        raise InvalidInput(fields={FIELD: "was used for another request"})
    return Outcome(msgspec.json.decode(row[1]), replayed=True)
