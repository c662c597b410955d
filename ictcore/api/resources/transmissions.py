"""``/transmissions``, and those of a program"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import Email, Id, Line, Moment, Phone, Struct, given
from ictcore.usecases import attempts, transmissions

Tries = Annotated[int, Meta(ge=1, le=10)]
Flag = Annotated[int, Meta(ge=0, le=255)]


class TransmissionOf(Struct):
    """A transmission of a known program. One of ``contact_id``, ``phone`` and ``email`` says to whom."""

    contact_id: Id | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    account_id: Id | UnsetType | None = UNSET
    title: Line | UnsetType | None = UNSET
    origin: Line | UnsetType | None = UNSET
    direction: Literal["outbound", "inbound"] | UnsetType | None = UNSET
    service_flag: Flag | UnsetType | None = UNSET
    try_allowed: Tries | UnsetType | None = UNSET


class TransmissionIn(TransmissionOf, kw_only=True):
    """A transmission to be made."""

    program_id: Id


class Transmission(Struct):
    """A transmission. ``try_done`` counts its attempts; ``response`` is the cause of its failure."""

    transmission_id: int
    title: str
    service_flag: int
    account_id: int | None
    contact_id: int | None
    program_id: int | None
    origin: str
    direction: str
    status: str
    response: str
    try_allowed: int
    try_done: int
    last_run: Moment | None
    campaign_id: int | None
    user_id: int | None
    date_created: Moment
    last_updated: Moment | None


class TransmissionId(Struct):
    """The new transmission's id. ``text_id`` is the same: an older guide calls it so."""

    transmission_id: int
    text_id: int | UnsetType = UNSET


class SpoolId(Struct):
    """The attempt that was queued."""

    spool_id: int


def _create(call: Call) -> Any:
    transmission_id = transmissions.create(call.system, call.actor, given(call.body))
    return {"transmission_id": transmission_id, "text_id": transmission_id}


def _create_of(call: Call) -> Any:
    values = {**given(call.body), "program_id": call.ids["program_id"]}
    return {"transmission_id": transmissions.create_of(call.system, call.actor, values)}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(transmissions.page(call.system, call.actor, page), page)


def _list_of(call: Call) -> Any:
    page = call.page()
    return call.listed(transmissions.page(call.system, call.actor, page, call.ids["program_id"]), page)


def _get(call: Call) -> Any:
    return transmissions.get(call.system, call.actor, call.ids["transmission_id"])


def _delete(call: Call) -> Any:
    transmissions.delete(call.system, call.actor, call.ids["transmission_id"])
    return True


def _send(call: Call) -> Any:
    return {"spool_id": attempts.send(call.system, call.actor, call.ids["transmission_id"])}


def _clone(call: Call) -> Any:
    return {"transmission_id": transmissions.clone(call.system, call.actor, call.ids["transmission_id"])}


_MISSING = frozenset({404})
_SENDING = frozenset({404, 412, 423, 501})
_OF = "/programs/{program_id}/transmissions"
_ONE = "/transmissions/{transmission_id}"
_FILTERS = (
    *Transmission.__struct_fields__, "before", "after", "phone", "email", "contact_phone", "contact_email",
    "account_phone", "account_email",
)  # fmt: skip
_SEND_FORMS = tuple(
    (method, f"{_ONE}/{word}") for word in ("send", "call", "dial") for method in ("POST", "GET")
)[1:]  # fmt: skip

OPERATIONS = (
    Operation("transmissions.create", "POST", "/transmissions", _create, "Create a transmission",
              ("transmission_create",), body=TransmissionIn, answer=TransmissionId, errors=frozenset({501})),
    Operation("transmissions.list", "GET", "/transmissions", _list, "Get all transmissions", ("transmission_list",),
              answer=list[Transmission], query=PAGING, filters=_FILTERS),
    Operation("transmissions.get", "GET", _ONE, _get, "View a transmission", ("transmission_read",),
              answer=Transmission, errors=_MISSING),
    Operation("transmissions.delete", "DELETE", _ONE, _delete, "Delete a transmission", ("transmission_delete",),
              answer=bool, errors=frozenset({404, 423})),
    Operation("transmissions.send", "POST", f"{_ONE}/send", _send, "Send a transmission", ("transmission_send",),
              answer=SpoolId, errors=_SENDING, aliases=_SEND_FORMS),
    Operation("transmissions.retry", "POST", f"{_ONE}/retry", _send, "Send a failed transmission again",
              ("transmission_send",), answer=SpoolId, errors=_SENDING, aliases=(("GET", f"{_ONE}/retry"),)),
    Operation("transmissions.clone", "GET", f"{_ONE}/clone", _clone, "Copy a transmission, to be sent again",
              ("transmission_read", "transmission_create"), answer=TransmissionId, errors=frozenset({404, 417}),
              aliases=(("POST", f"{_ONE}/clone"),)),
    Operation("programs.transmissions.create", "POST", _OF, _create_of, "Create a transmission of a program",
              ("transmission_create",), body=TransmissionOf, answer=TransmissionId, errors=frozenset({404, 501}),
              aliases=(("PUT", _OF),)),
    Operation("programs.transmissions.list", "GET", _OF, _list_of, "Get the transmissions of a program",
              ("transmission_list",), answer=list[Transmission], query=PAGING, filters=_FILTERS, errors=_MISSING),
)  # fmt: skip
