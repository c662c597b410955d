"""Transmissions, their attempts (spools), what the attempts found, and the events that were taken."""

from __future__ import annotations

from peewee import BigIntegerField, DoubleField, ForeignKeyField, TextField

from ictcore.store.models.base import Id, Owned, Table, index, number, real, text
from ictcore.store.models.program import Program


class Transmission(Owned):
    """One program for one contact from one account. ``try_done`` counts its attempts. What has ended outlives its
    program, so history is not lost with it."""

    title = text()
    service_flag = number(0)
    account_id = BigIntegerField(null=True)
    contact_id = BigIntegerField(null=True)
    program = ForeignKeyField(Program, on_delete="SET NULL", null=True)
    origin = text()
    direction = text("outbound")
    status = text("pending")
    response = text()
    try_allowed = number(1)
    try_done = number(0)
    last_run = DoubleField(null=True)
    campaign_id = BigIntegerField(null=True)


class Spool(Table):
    """One attempt. ``lane``: the campaign's id, 0 for single sends: lanes share a service fairly.

    ``worker_id``: the dispatcher that must report on it, ``None`` when nobody holds it.
    ``waiting_for``: why it has not been sent yet, for people. ``deadline_at``: when a missing report makes it
    uncertain, or when an uncertain one is given up.
    """

    id = Id()
    uuid = TextField(unique=True)
    transmission = ForeignKeyField(Transmission, on_delete="CASCADE")
    created_by = BigIntegerField(null=True)
    account_id = BigIntegerField(null=True)
    service_flag = number(0)
    lane = number(0)
    state = text("queued")
    not_before = real()
    tries = number(1)
    source = text()
    destination = text()
    plan = text()
    provider_id = BigIntegerField(null=True)
    node_id = BigIntegerField(null=True)
    worker_id = BigIntegerField(null=True)
    waiting_for = text()
    cause = text()
    response = text()
    vendor_id = text()
    vendor_code = text()
    amount = DoubleField(null=True)
    time_spool = DoubleField()
    time_start = DoubleField(null=True)
    time_connect = DoubleField(null=True)
    time_end = DoubleField(null=True)
    deadline_at = DoubleField(null=True)


class SpoolResult(Table):
    """What a step found. ``data`` is never cut."""

    id = Id()
    spool = ForeignKeyField(Spool, on_delete="CASCADE")
    type = text()
    name = text()
    data = text()
    created_at = DoubleField()


class Inbox(Table):
    """Every event that was taken, once: ``key`` is unique. ``body``: JSON, for people and for replay."""

    id = Id()
    key = TextField(unique=True)
    kind = text()
    body = text()
    received_at = DoubleField()


index(Transmission, "transmission_owner", "created_by", "id")
index(Transmission, "transmission_contact", "contact_id")
index(Transmission, "transmission_campaign", "campaign_id", "id", where="campaign_id IS NOT NULL")
index(Spool, "spool_due", "service_flag", "lane", "not_before", "id", where="state = 'queued'")
index(Spool, "spool_held", "worker_id", where="worker_id IS NOT NULL")
index(
    Spool,
    "spool_channel",
    "provider_id",
    where="service_flag IN (1, 2) AND state IN ('claimed', 'submitting', 'submitted')",
)
index(Spool, "spool_waiting", "not_before", where="state = 'queued' AND waiting_for <> ''")
index(Spool, "spool_deadline", "deadline_at", where="state IN ('submitted', 'uncertain')")
index(Inbox, "inbox_age", "received_at")
