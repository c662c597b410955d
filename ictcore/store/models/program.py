"""Programs, the rows they depend on, the inbound routes they ask for, campaigns and schedules."""

from __future__ import annotations

from peewee import BigIntegerField, DoubleField, ForeignKeyField

from ictcore.store.models.base import Id, Owned, Table, index, number, text


class Program(Owned):
    """What to do: a type and its parameters (JSON object)."""

    name = text()
    type = text()
    parameters = text("{}")
    parent_id = BigIntegerField(null=True)


class ProgramResource(Table):
    """A program depends on a row: it keeps the row from being deleted, and finds the program by the row."""

    id = Id()
    program = ForeignKeyField(Program, on_delete="CASCADE")
    resource_type = text()
    resource_id = BigIntegerField()


class Route(Owned):
    """Inbound: which program answers. ``called`` ``''``: any; ``keyword``: lower-case first word, ``''``: any."""

    service_flag = number(0)
    called = text()
    keyword = text()
    program = ForeignKeyField(Program, on_delete="CASCADE")
    account_id = BigIntegerField(null=True)
    weight = number(0)


class Campaign(Owned):
    """A program for a group, paced. ``cursor``: the last contact that was expanded."""

    program_id = BigIntegerField()
    group_id = BigIntegerField()
    account_id = BigIntegerField(null=True)
    cpm = number(2)
    try_allowed = number(1)
    status = text("new")
    contact_total = number(0)
    contact_done = number(0)
    cursor = number(0)
    last_run = DoubleField(null=True)


class Task(Owned):
    """Something to do at a time. ``data``: JSON; ``rule``: JSON of the recurrence."""

    type = text()
    action = text()
    data = text("{}")
    rule = text("{}")
    status = text("pending")
    due_at = DoubleField(null=True)
    expires_at = DoubleField(null=True)
    last_run = DoubleField(null=True)


index(Program, "program_owner", "created_by", "id")
index(ProgramResource, "program_resource_target", "resource_type", "resource_id")
index(Route, "route_called", "service_flag", "called")
index(Route, "route_number", "service_flag", "called", "keyword", unique=True, where="called <> ''")
index(Campaign, "campaign_owner", "created_by", "id")
index(Task, "task_due", "due_at", where="status = 'pending'")
