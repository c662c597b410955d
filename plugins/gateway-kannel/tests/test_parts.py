"""Long messages: their reports are counted, also over a restart; their inbound parts are joined."""

from __future__ import annotations

from pathlib import Path

import pytest
from ictcore_gateway_kannel.inbound import Inbound, Joiner
from ictcore_gateway_kannel.parts import PartLedger
from ictcore_gateway_kannel.reports import Reports, Tag

from ictcore.spec import Delivered, Failed, Progress, cause, utc_now

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER = "01890a5d-ac96-774b-bcce-b302099a8058"


def test_delivered_when_all_parts_are(tmp_path: Path) -> None:
    ledger = PartLedger(tmp_path / "journal")
    assert [ledger.delivered(ID, part, 3) for part in (3, 1, 1, 2)] == [False, False, False, True]


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = PartLedger(path)
    first.delivered(ID, 1, 2)
    first.delivered(OTHER, 1, 2)
    first.close(OTHER)
    first.flush()  # killed here: nothing was closed
    second = PartLedger(path)
    second.load()
    assert second.delivered(OTHER, 2, 2) is False
    assert second.delivered(ID, 2, 2) is True
    second.shut()
    third = PartLedger(path)
    third.load()
    assert third.delivered(ID, 1, 2) is False, "it was closed"


def test_a_torn_or_odd_line_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text(f"{ID} 1\nnonsense here now\n{OTHER} x\n{OTHER} 1")
    ledger = PartLedger(path)
    ledger.load()
    assert ledger.delivered(ID, 2, 2) is True
    assert ledger.delivered(OTHER, 2, 2) is False
    ledger.shut()
    assert "nonsense" not in path.read_text()


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    ledger = PartLedger(path)
    for number in range(30_000):
        attempt_id = f"{number:08d}"
        ledger.delivered(attempt_id, 1, 2)
        ledger.delivered(attempt_id, 2, 2)
    ledger.flush()
    ledger.delivered(ID, 1, 2)
    ledger.shut()
    assert path.read_text() == f"{ID} 1\n"


def test_a_full_disk_is_a_fault_and_no_error(tmp_path: Path) -> None:
    reports = Reports(tmp_path / "no such folder" / "journal")
    reports.open()
    assert isinstance(reports.event(Tag(ID, 1, 2), 1, "", utc_now()), Progress)
    reports.flush()
    assert "cannot be written" in reports.fault
    (tmp_path / "no such folder").mkdir()
    reports.flush()
    assert reports.fault == ""
    assert (tmp_path / "no such folder" / "journal").read_text() == f"{ID} 1\n"
    reports.close()


def test_one_failed_part_fails_the_message() -> None:
    reports = Reports(None)
    assert isinstance(reports.event(Tag(ID, 1, 3), 1, "", utc_now()), Progress)
    failed = reports.event(Tag(ID, 2, 3), 2, "stat:EXPIRED err:001", utc_now())
    assert isinstance(failed, Failed)
    assert (failed.cause, failed.vendor_code) == (cause.EXPIRED, "stat:EXPIRED err:001")
    assert failed.detail.startswith("part 2 of 3: ")


def test_the_time_of_a_late_report_is_that_of_kannel() -> None:
    now = utc_now()
    reports = Reports(None)
    late = reports.event(Tag(ID), 1, "", now, int(now.timestamp()) - 3600)
    assert isinstance(late, Delivered)
    assert 3590 < (now - late.at).total_seconds() < 3610
    fresh = reports.event(Tag(ID), 1, "", now, int(now.timestamp()) + 3600)
    assert fresh is not None
    assert fresh.at == now


def part(
    number: int, data: bytes, *, total: int = 3, reference: int = 9, coding: int = 0, called: str = "2020"
) -> Inbound:
    udh = bytes((5, 0, 3, reference, total, number))
    return Inbound(f"id-{number}", "100", called, data, udh, coding, "", "fake", 1_767_225_600, number)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (2, 2, 1, 1, 3)])
def test_parts_in_any_order(order: tuple[int, ...]) -> None:
    joiner = Joiner(60.0)
    texts = {1: b"one ", 2: b"two ", 3: b"three"}
    found = [ready for number in order if (ready := joiner.add(part(number, texts[number]), 0.0))]
    assert [ready.event.text for ready in found] == ["one two three"]
    assert found[0].event.key == "id-1"
    assert sorted(found[0].handles) == sorted(order)  # type: ignore[type-var]
    assert len(joiner) == 0


def test_messages_do_not_mix() -> None:
    joiner = Joiner(60.0)
    assert joiner.add(part(1, b"a", total=2), 0.0) is None
    assert joiner.add(part(2, b"b", total=2, called="3030"), 0.0) is None
    assert joiner.add(part(2, b"b", total=2, reference=8), 0.0) is None
    ready = joiner.add(part(2, b"z", total=2), 0.0)
    assert ready is not None
    assert ready.event.text == "az"


def test_a_pair_cut_between_parts_is_one_character() -> None:
    joiner = Joiner(60.0)
    data = "x😀y".encode("utf-16-be")
    joiner.add(part(1, data[:4], total=2, coding=2), 0.0)
    ready = joiner.add(part(2, data[4:], total=2, coding=2), 0.0)
    assert ready is not None
    assert ready.event.text == "x😀y"


def test_what_is_missing_is_marked_when_time_is_up() -> None:
    joiner = Joiner(60.0)
    joiner.add(part(2, b"two", total=5), 0.0)
    joiner.add(part(5, b"five", total=5), 30.0)
    assert joiner.overdue(59.0) == []
    (ready,) = joiner.overdue(60.0)
    assert ready.event.text == "[…]two[…]five"
    assert joiner.overdue(100.0) == []


def test_parts_of_different_codings() -> None:
    joiner = Joiner(60.0)
    joiner.add(part(1, "ж".encode("utf-16-be"), total=2, coding=2), 0.0)
    ready = joiner.add(part(2, b"plain", total=2), 0.0)
    assert ready is not None
    assert ready.event.text == "жplain"
