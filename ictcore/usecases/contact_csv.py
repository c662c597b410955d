"""Contacts of a group as CSV: import, its report, export, and a sample."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from ictcore.domain.contact_csv import COLUMNS, SAMPLE, written
from ictcore.domain.contact_reader import ContactReader, NotCsv
from ictcore.domain.errors import InvalidInput, NotFound
from ictcore.domain.user import Actor
from ictcore.store.contact_bulk import SLICE, GroupImport, group_contacts
from ictcore.store.import_reports import add_report, get_report
from ictcore.usecases.import_files import BadRows, report_lines, report_path, spooled
from ictcore.usecases.system import System, found


def import_contacts(
    system: System, actor: Actor, group_id: int, chunks: Iterable[bytes], *, keep: bool = False
) -> dict[str, Any]:
    """Add the contacts of a CSV file to a group: all of its good rows, or nothing when the import fails.

    The contacts belong to the group's owner. The group's total is kept.

    :param chunks: the file; read to its end before the database is touched.
    :param keep: also add contacts whose number is in the group, or earlier in the file; else the first one stays.
    :returns: ``{group_id, total, imported, duplicates, failed, bad_rows, report_id, ignored_columns}``.
    :raises NotFound: there is no such group that the actor sees.
    :raises InvalidInput: the body is empty, too large, or no CSV as a whole.
    :raises Unavailable: the database or the disk cannot be used now.
    """
    actor.require("contact_create", "group_update")
    owner = actor.scope("group")
    found(system.rows.group, "group", group_id, owner)
    started = system.now()
    with spooled(system.home, chunks) as file, BadRows(system.home) as bad:
        reader = _reader(file, bad)
        with system.store.transaction() as store:
            group = found(system.rows.group, "group", group_id, owner)
            contacts_of = group["user_id"] or actor.user_id
            task = GroupImport(store, group_id, contacts_of, started, keep=keep)
            rows = iter(reader)
            while batch := list(islice(rows, SLICE)):
                task.add(batch)
            task.finish()
            counts = {
                "total": task.imported + bad.count + (0 if keep else task.duplicates),
                "imported": task.imported,
                "duplicates": task.duplicates,
                "failed": bad.count,
            }
            report_id = add_report(
                store, group_id, contacts_of, counts, bad.first, started=started, finished=system.now()
            )
            bad.keep(report_id)
    return {
        "group_id": group_id,
        **counts,
        "bad_rows": bad.first,
        "report_id": report_id,
        "ignored_columns": list(reader.layout.ignored),
    }


def _reader(file: IO[bytes], bad: BadRows) -> ContactReader:
    try:
        return ContactReader(file, bad.add)
    except NotCsv as error:
        raise InvalidInput(fields={"body": str(error)}) from None


def report(system: System, actor: Actor, group_id: int, report_id: int) -> bytes | Path:
    """Every bad row of an import as CSV (``line,field,reason``): its bytes, or the file that holds it.

    :raises NotFound: there is no such report of a group that the actor sees.
    """
    actor.require("group_read")
    found(system.rows.group, "group", group_id, actor.scope("group"))
    kept = get_report(system.store, group_id, report_id)
    if kept is None:
        raise NotFound(f"there is no report {report_id} of group {group_id}")
    if kept.failed > len(kept.bad_rows):
        path = report_path(system.home, report_id)
        if not path.is_file():
            raise NotFound(f"the file of report {report_id} is not on this machine")
        return path
    text = io.StringIO(newline="")
    csv.writer(text).writerows(report_lines(kept.bad_rows))
    return text.getvalue().encode()


def export(system: System, actor: Actor, group_id: int, *, header: bool = False) -> Iterator[bytes]:
    """The contacts of a group that the actor sees, as CSV in pieces.

    :param header: whether the first line names the columns.
    :raises NotFound: there is no such group that the actor sees; raised at once, not at the first piece.
    """
    actor.require("group_read", "contact_list")
    found(system.rows.group, "group", group_id, actor.scope("group"))
    return _pieces(system, group_id, actor.scope("contact"), header)


def _pieces(system: System, group_id: int, owner: int | None, header: bool) -> Iterator[bytes]:
    if header:
        yield written([COLUMNS])
    for batch in group_contacts(system.store, group_id, owner):
        yield written(batch)


def sample(actor: Actor) -> bytes:
    """Two example lines."""
    return written(SAMPLE)
