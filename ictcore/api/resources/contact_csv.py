"""``/groups/{group_id}/csv``: contacts of a group in and out, a million at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ictcore.api.call import Call
from ictcore.api.operation import Operation, Parameter
from ictcore.api.types import Struct
from ictcore.api.upload import check_media, pieces
from ictcore.domain.errors import InvalidInput
from ictcore.usecases import contact_csv

CSV = "text/csv"
MEDIA = (CSV, "text/plain", "application/csv", "application/vnd.ms-excel", "application/octet-stream")
_PIECE = 256 * 1024


class BadRow(Struct):
    """A row that was not taken: the line where it begins, the field (empty: the whole row), and why."""

    line: int
    field: str
    reason: str


class Imported(Struct):
    """What became of an import. ``bad_rows`` has the first 1,000; the report has all of them."""

    group_id: int
    total: int
    imported: int
    duplicates: int
    failed: int
    bad_rows: list[BadRow]
    report_id: int
    ignored_columns: list[str]


def _import(call: Call) -> Any:
    check_media(call.request, MEDIA)
    wanted = call.query("duplicates") or "skip"
    if wanted not in ("keep", "skip"):
        raise InvalidInput(fields={"duplicates": "must be keep or skip"})
    return contact_csv.import_contacts(
        call.system, call.actor, call.ids["group_id"], pieces(call.request), keep=wanted == "keep"
    )


def _report(call: Call) -> None:
    report_id = call.ids["report_id"]
    content = contact_csv.report(call.system, call.actor, call.ids["group_id"], report_id)
    _file(call, f"import_{report_id}.csv")
    if isinstance(content, bytes):
        call.response.data = content
    else:
        call.response.set_stream(_read(content), content.stat().st_size)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _export(call: Call) -> None:
    group_id = call.ids["group_id"]
    wanted = call.query("header") or "0"
    if wanted not in ("0", "1"):
        raise InvalidInput(fields={"header": "must be 0 or 1"})
    call.response.stream = contact_csv.export(call.system, call.actor, group_id, header=wanted == "1")
    _file(call, f"group_{group_id}.csv")


def _sample(call: Call) -> None:
    call.response.data = contact_csv.sample(call.actor)
    _file(call, "contact_sample.csv")


def _file(call: Call, name: str) -> None:
    call.response.content_type = f"{CSV}; charset=utf-8"
    call.response.downloadable_as = name


_MISSING = frozenset({404})

OPERATIONS = (
    Operation("groups.csv.import", "POST", "/groups/{group_id}/csv", _import, "Import contacts into group",
              ("contact_create", "group_update"), media=MEDIA, answer=Imported, errors=_MISSING,
              query=(Parameter("duplicates", str, "`skip`: of contacts with the same number the first one stays"
                               " (default); `keep`: all of them are added."),),
              aliases=(("POST", "/groups/import/contact_group/{group_id}"),),
              description="All good rows are added, or nothing when the answer is an error."),
    Operation("groups.csv.report", "GET", "/groups/{group_id}/csv/reports/{report_id}", _report,
              "Every bad row of an import", ("group_read",), produces=CSV, errors=_MISSING),
    Operation("groups.csv.export", "GET", "/groups/{group_id}/csv", _export, "Export contacts of a group",
              ("group_read", "contact_list"), produces=CSV, errors=_MISSING,
              query=(Parameter("header", int, "1: the first line names the columns."),),
              aliases=(("GET", "/groups/{group_id}/export/contact.csv"),)),
    Operation("groups.csv.sample", "GET", "/groups/sample/csv", _sample, "Get sample csv file", produces=CSV,
              aliases=(("GET", "/groups/import/contact_csv/sample"),)),
)  # fmt: skip
