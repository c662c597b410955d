"""Reports of imports: the counts and the first bad rows in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ictcore.store.database import Store


@dataclass(frozen=True)
class Report:
    """What became of one import. ``bad_rows``: the first ones, ``{line, field, reason}``; ``failed`` counts all."""

    id: int
    group_id: int
    total: int
    imported: int
    duplicates: int
    failed: int
    bad_rows: list[dict[str, Any]]


def add_report(
    store: Store,
    group_id: int,
    owner: int,
    counts: Mapping[str, int],
    bad_rows: Sequence[Mapping[str, Any]],
    *,
    started: float,
    finished: float,
) -> int:
    """Keep the report of a finished import; its id.

    :param counts: ``total``, ``imported``, ``duplicates``, ``failed``.
    :param started: epoch seconds, as ``finished``.
    """
    return int(
        store.value(
            "INSERT INTO import_report (group_id, created_by, status, total, imported, duplicates, failed, bad_rows,"
            " created_at, finished_at) VALUES (?, ?, 'done', ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                group_id, owner, counts["total"], counts["imported"], counts["duplicates"], counts["failed"],
                json.dumps(bad_rows), started, finished,
            ),
        )
    )  # fmt: skip


def get_report(store: Store, group_id: int, report_id: int) -> Report | None:
    """The report of an import into this group, ``None`` when there is none."""
    row = store.row(
        "SELECT id, group_id, total, imported, duplicates, failed, bad_rows FROM import_report"
        " WHERE id = ? AND group_id = ?",
        (report_id, group_id),
    )
    if row is None:
        return None
    number, group, total, imported, duplicates, failed, bad_rows = row
    return Report(number, group, total, imported, duplicates, failed, json.loads(bad_rows))
