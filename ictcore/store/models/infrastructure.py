"""Providers, nodes, the running dispatchers, and the locks they share."""

from __future__ import annotations

from peewee import BigIntegerField, DoubleField, ForeignKeyField, TextField

from ictcore.store.models.base import Id, Owned, Table, index, number, real, text


class Node(Table):
    """A machine with gateways."""

    id = Id()
    name = TextField(unique=True)
    active = number(1)
    created_at = DoubleField()


class Provider(Owned):
    """A way to the outside (trunk). ``node_id`` NULL: any node that has its gateway.

    ``per_second`` and ``concurrent`` limit it, 0: no limit. Lighter ``weight`` is used more.
    """

    name = TextField(unique=True)
    type = text()
    gateway_flag = number(0)
    service_flag = number(0)
    node_id = BigIntegerField(null=True)
    host = text()
    port = number(0)
    username = text()
    password = text()
    dialstring = text()
    prefix = text()
    settings = text("{}")
    description = text()
    register = number(0)
    weight = number(10)
    active = number(1)
    per_second = real()
    concurrent = number(0)


class ProviderLoad(Table):
    """What a provider carries now, over all dispatchers: attempts under way, and its rate bucket."""

    provider = ForeignKeyField(Provider, on_delete="CASCADE", primary_key=True)
    in_flight = number(0)
    tokens = real()
    filled_at = real()


class Worker(Table):
    """A running dispatcher. When ``lease_until`` has passed, others take over what it held."""

    id = Id()
    node_id = BigIntegerField()
    name = text()
    started_at = DoubleField()
    lease_until = DoubleField()
    health = text("[]")
    counters = text("{}")


class Leader(Table):
    """Who leads, by name of the duty."""

    duty = TextField(primary_key=True)
    holder = text()
    until = DoubleField()


index(Provider, "provider_active", "active", "service_flag")
index(Worker, "worker_lease", "lease_until")
