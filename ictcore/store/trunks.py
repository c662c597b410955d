"""Providers as the dispatcher sees them, and the limits that all dispatchers share. Times are epoch seconds."""

# SQL is put together from constants of this package only; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass, field

from ictcore.store.database import Store

CALLS = "service_flag IN (1, 2)"
"""SQL: services that hold a channel of the provider until they end (voice and fax). The words of an index."""


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One row of the table ``provider``. ``service_flag`` is a bit mask."""

    id: int
    name: str
    type: str
    service_flag: int
    node_id: int | None
    host: str
    port: int
    username: str
    password: str = field(repr=False)
    dialstring: str
    prefix: str
    settings: str
    register: int
    weight: int
    per_second: float
    concurrent: int


def active_providers(store: Store) -> list[ProviderRow]:
    """Every provider that is switched on, by id."""
    rows = store.rows(
        "SELECT id, name, type, service_flag, node_id, host, port, username, password, dialstring, prefix, settings,"
        " register, weight, per_second, concurrent FROM provider WHERE active = 1 ORDER BY id"
    )
    return [ProviderRow(*row) for row in rows]


def under_way(store: Store, provider: int) -> int:
    """How many attempts a provider carries now, over all dispatchers: calls until they end, messages until they are
    taken. Counted from the attempts themselves, so that it is right whatever happened before."""
    calls: int = store.value(
        f"SELECT count(*) FROM spool WHERE provider_id = ? AND {CALLS}"
        " AND state IN ('claimed', 'submitting', 'submitted')",
        (provider,),
    )
    messages: int = store.value(
        f"SELECT count(*) FROM spool WHERE worker_id IS NOT NULL AND provider_id = ? AND NOT ({CALLS})"
        " AND state IN ('claimed', 'submitting')",
        (provider,),
    )
    return calls + messages


def lock_bucket(store: Store, provider: int, rate: float, capacity: float, now: float) -> float:
    """Lock a provider's rate bucket until the transaction ends; how many tokens it has now.

    :param rate: tokens per second that flow in. A clock that runs behind adds nothing; it never takes any away.
    """
    lock = "" if store.is_sqlite else " FOR UPDATE"
    text = f"SELECT tokens, filled_at FROM provider_load WHERE provider_id = ?{lock}"
    row = store.row(text, (provider,))
    if row is None:
        store.run(
            "INSERT INTO provider_load (provider_id, in_flight, tokens, filled_at) VALUES (?, 0, ?, ?)"
            " ON CONFLICT (provider_id) DO NOTHING",
            (provider, capacity, now),
        )
        row = store.row(text, (provider,))
        if row is None:
            return 0.0
    tokens, filled_at = row
    return float(min(capacity, tokens + max(0.0, now - filled_at) * rate))


def drain_bucket(store: Store, provider: int, tokens: float, in_flight: int, now: float) -> None:
    """Keep what is left in a bucket that :func:`lock_bucket` has locked, and the number of attempts under way."""
    store.run(
        "UPDATE provider_load SET tokens = ?, in_flight = ?,"
        " filled_at = CASE WHEN filled_at > ? THEN filled_at ELSE ? END WHERE provider_id = ?",
        (tokens, in_flight, now, now, provider),
    )
