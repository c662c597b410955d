"""Reports of transmissions, and ``/spools``: what became of them"""

from __future__ import annotations

from typing import Any, Literal

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import Moment, Struct
from ictcore.usecases import attempts, reports


class TransmissionStatus(Struct):
    """The status, in both spellings of the contract."""

    status: Literal["pending", "processing", "completed", "failed", "invalid"]
    Status: str


class SpoolStatus(Struct):
    """The contract's status, and the finer state."""

    status: Literal["initiated", "completed", "failed"]
    state: str


class Spool(Struct):
    """An attempt. ``response``: the far side's words; ``cause``: what they mean; ``waiting_for``: why it waits."""

    spool_id: int
    time_spool: Moment
    time_start: Moment | None
    time_connect: Moment | None
    time_end: Moment | None
    state: str
    response: str
    transmission_id: int
    account_id: int | None
    service_flag: int
    cause: str
    waiting_for: str
    tries: int
    source: str
    destination: str
    provider_id: int | None
    node_id: int | None
    vendor_id: str
    vendor_code: str
    amount: float | None
    not_before: Moment
    call_id: str
    user_id: int | None
    status: Literal["initiated", "completed", "failed"]


class Result(Struct):
    """What a step of an attempt found."""

    spool_result_id: int
    spool_id: int
    type: str
    name: str
    data: str
    date_created: Moment


class Explanation(Struct):
    """Why a transmission has not been sent yet, or how it ended."""

    transmission_id: int
    status: str
    spool_id: int | None
    state: str | None
    explanation: str
    tries: int = 0
    not_before: Moment | None = None
    waiting_for: str = ""
    cause: str = ""
    response: str = ""
    time_start: Moment | None = None
    time_end: Moment | None = None


class Settlement(Struct):
    """What became of an attempt of which nobody knows."""

    outcome: Literal["delivered", "failed"]


def _status(call: Call) -> Any:
    status = reports.status(call.system, call.actor, call.ids["transmission_id"])
    return {"status": status, "Status": status}


def _detail(call: Call) -> Any:
    page = call.page()
    return call.listed(reports.attempts(call.system, call.actor, call.ids["transmission_id"], page), page)


def _result(call: Call) -> Any:
    page = call.page()
    return call.listed(reports.results(call.system, call.actor, call.ids["transmission_id"], page), page)


def _explain(call: Call) -> Any:
    return reports.explain(call.system, call.actor, call.ids["transmission_id"])


def _spools(call: Call) -> Any:
    page = call.page()
    return call.listed(reports.spool_page(call.system, call.actor, page), page)


def _spool(call: Call) -> Any:
    return reports.spool(call.system, call.actor, call.ids["spool_id"])


def _spool_status(call: Call) -> Any:
    spool = reports.spool(call.system, call.actor, call.ids["spool_id"])
    return {"status": spool["status"], "state": spool["state"]}


def _spool_result(call: Call) -> Any:
    page = call.page()
    return call.listed(reports.spool_results(call.system, call.actor, call.ids["spool_id"], page), page)


def _settle(call: Call) -> Any:
    return attempts.settle(call.system, call.actor, call.ids["spool_id"], call.body.outcome)


_MISSING = frozenset({404})
_ONE = "/transmissions/{transmission_id}"
_SPOOL = "/spools/{spool_id}"
_SPOOL_FILTERS = (*Spool.__struct_fields__, "before", "after")
_RESULT_FILTERS = Result.__struct_fields__

OPERATIONS = (
    Operation("transmissions.status", "GET", f"{_ONE}/status", _status, "Status of a transmission",
              ("transmission_read",), answer=TransmissionStatus, errors=_MISSING),
    Operation("transmissions.detail", "GET", f"{_ONE}/detail", _detail, "Attempts of a transmission",
              ("transmission_read", "spool_read"), answer=list[Spool], query=PAGING, filters=_SPOOL_FILTERS,
              errors=_MISSING, aliases=(("GET", f"{_ONE}/spools"),)),
    Operation("transmissions.result", "GET", f"{_ONE}/result", _result, "Results of all attempts of a transmission",
              ("transmission_read", "result_read"), answer=list[Result], query=PAGING, filters=_RESULT_FILTERS,
              errors=_MISSING, aliases=(("GET", f"{_ONE}/results"),)),
    Operation("transmissions.explain", "GET", f"{_ONE}/explain", _explain,
              "Why a transmission has not been sent yet, or how it ended", ("transmission_read", "spool_read"),
              answer=Explanation, errors=_MISSING),
    Operation("spools.list", "GET", "/spools", _spools, "Get all attempts", ("spool_list",), answer=list[Spool],
              query=PAGING, filters=_SPOOL_FILTERS),
    Operation("spools.get", "GET", _SPOOL, _spool, "View an attempt", ("spool_read",), answer=Spool, errors=_MISSING),
    Operation("spools.status", "GET", f"{_SPOOL}/status", _spool_status, "Status of an attempt", ("spool_read",),
              answer=SpoolStatus, errors=_MISSING),
    Operation("spools.result", "GET", f"{_SPOOL}/result", _spool_result, "Results of an attempt",
              ("spool_read", "result_read"), answer=list[Result], query=PAGING, filters=_RESULT_FILTERS,
              errors=_MISSING, aliases=(("GET", f"{_SPOOL}/results"),)),
    Operation("spools.settle", "POST", f"{_SPOOL}/settle", _settle, "Say what became of an uncertain attempt",
              ("transmission_send",), body=Settlement, answer=Spool, errors=frozenset({404, 423})),
)  # fmt: skip
