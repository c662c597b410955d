"""Every noun's rows under the API's names: the one place where a field is mapped to its column."""

from __future__ import annotations

from dataclasses import dataclass

from ictcore.store import models
from ictcore.store.database import Store
from ictcore.store.filters import Condition, Link, real, text, whole
from ictcore.store.table import Rows


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _in_program(noun: str) -> Condition:
    """Programs that refer to a row of ``noun``."""
    return Condition(
        f"id IN (SELECT program_id FROM program_resource WHERE resource_type = '{noun}' AND resource_id = ?)",  # noqa: S608
        whole,
    )


def _party(field: str, *tables: str) -> Condition:
    """Transmissions whose contact or account has this address."""
    owners = {"contact": "created_by IN (SELECT id FROM usr) AND ", "account": ""}  # as the index of each begins
    sides = [
        f"{table}_id IN (SELECT id FROM {table} WHERE {owners[table]}{field} = ? AND {field} <> '')"  # noqa: S608
        for table in tables
    ]
    return Condition(f"({' OR '.join(sides)})", text, len(sides))


MEMBERS = Link("contact_link", "contact_id", "group_id")
"""The contacts of a group."""
_IN_GROUP = Condition("id IN (SELECT contact_id FROM contact_link WHERE group_id = ?)", whole, link=MEMBERS)
_STAMPS = {"user_id": "created_by", "date_created": "created_at", "last_updated": "updated_at"}
_PERSON = _same("first_name", "last_name", "phone", "email", "address")


@dataclass(frozen=True)
class Nouns:
    """The rows of every noun, over one store."""

    contact: Rows
    group: Rows
    account: Rows
    text: Rows
    template: Rows
    program: Rows
    transmission: Rows
    spool: Rows
    result: Rows
    provider: Rows
    node: Rows
    user: Rows
    role: Rows
    permission: Rows


def nouns(store: Store) -> Nouns:
    """All nouns over ``store``."""
    return Nouns(
        contact=Rows(
            store,
            models.Contact,
            {"contact_id": "id"} | _PERSON | _same("custom1", "custom2", "custom3", "description") | _STAMPS,
            conditions={"group_id": _IN_GROUP},
        ),
        group=Rows(
            store, models.ContactGroup, {"group_id": "id"} | _same("name", "description", "contact_total") | _STAMPS
        ),
        account=Rows(
            store,
            models.Account,
            {"account_id": "id"}
            | _same("type", "username", "passwd", "passwd_pin")
            | _PERSON
            | _same("active", "settings")
            | _STAMPS,
            hidden=("passwd", "passwd_pin"),
        ),
        text=Rows(
            store,
            models.Text,
            {"text_id": "id"} | _same("name", "data", "type", "description", "length") | _STAMPS,
        ),
        template=Rows(
            store,
            models.Template,
            {"template_id": "id"}
            | _same("name", "description", "subject", "body", "body_alt", "type", "length")
            | _STAMPS,
        ),
        program=Rows(
            store,
            models.Program,
            {"program_id": "id"} | _same("name", "type", "parent_id", "parameters") | _STAMPS,
            conditions={
                f"{noun}_id": _in_program(noun) for noun in ("account", "text", "template", "document", "recording")
            },
        ),
        transmission=Rows(
            store,
            models.Transmission,
            {"transmission_id": "id"}
            | _same("title", "service_flag", "account_id", "contact_id", "program_id", "origin", "direction", "status")
            | _same("response", "try_allowed", "try_done", "last_run", "campaign_id")
            | _STAMPS,
            conditions={
                "phone": _party("phone", "contact", "account"),
                "email": _party("email", "contact", "account"),
                "contact_phone": _party("phone", "contact"),
                "contact_email": _party("email", "contact"),
                "account_phone": _party("phone", "account"),
                "account_email": _party("email", "account"),
            },
        ),
        spool=Rows(
            store,
            models.Spool,
            {"spool_id": "id"}
            | _same("time_spool", "time_start", "time_connect", "time_end", "state", "response", "transmission_id")
            | _same("account_id", "service_flag", "cause", "waiting_for", "tries", "source", "destination")
            | _same("provider_id", "node_id", "vendor_id", "vendor_code", "amount", "not_before")
            | {"call_id": "uuid", "user_id": "created_by"},
            conditions={
                "status": Condition(
                    "CASE WHEN state IN ('completed', 'failed') THEN state ELSE 'initiated' END = ?", text
                ),
                "before": Condition("time_spool <= ?", real),
                "after": Condition("time_spool >= ?", real),
            },
        ),
        result=Rows(
            store,
            models.SpoolResult,
            {"spool_result_id": "id"} | _same("spool_id", "type", "name", "data") | {"date_created": "created_at"},
            owner=None,
        ),
        provider=Rows(
            store,
            models.Provider,
            {"provider_id": "id"}
            | _same("name", "type", "gateway_flag", "service_flag", "node_id", "host", "port", "username", "password")
            | _same("dialstring", "prefix", "settings", "description", "register", "weight", "active")
            | _same("per_second", "concurrent")
            | _STAMPS,
            owner=None,
            hidden=("password",),
        ),
        node=Rows(store, models.Node, {"node_id": "id"} | _same("name", "active"), owner=None),
        user=Rows(
            store,
            models.Usr,
            {"user_id": "id"}
            | _same("username", "password_hash")
            | _PERSON
            | _same("company", "country_id", "language_id", "timezone_id", "active")
            | {"owner_id": "created_by", "date_created": "created_at", "last_updated": "updated_at"},
            owner=None,
            hidden=("password_hash",),
        ),
        role=Rows(store, models.Role, {"role_id": "id"} | _same("name", "description"), owner=None),
        permission=Rows(store, models.Permission, {"permission_id": "id"} | _same("name", "description"), owner=None),
    )
