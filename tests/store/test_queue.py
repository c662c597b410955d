"""The queue's own statements: they use their indexes, and two who claim never get the same rows."""

from __future__ import annotations

import threading
import time

import pytest

from ictcore.domain.ids import new_attempt_id
from ictcore.store import queue
from ictcore.store.bulk import Bulk, BulkInsert, clean
from ictcore.store.database import Store
from ictcore.store.plans import dump_plan, load_plan

NOW = 1_800_000_000.0


def fill(store: Store, lanes: dict[int, int], *, not_before: float = NOW - 1) -> None:
    """Queue attempts: lane -> how many."""
    with store.transaction():
        program = store.value("INSERT INTO program (created_at, name, type) VALUES (0, 'p', 'p') RETURNING id")
        transmission = store.value(
            "INSERT INTO transmission (created_at, program_id) VALUES (0, ?) RETURNING id", (program,)
        )
        store.many(
            "INSERT INTO spool (uuid, transmission_id, service_flag, lane, not_before, time_spool)"
            " VALUES (?, ?, 4, ?, ?, 0)",
            [(new_attempt_id(), transmission, lane, not_before) for lane, count in lanes.items() for _ in range(count)],
        )


def plan_of(store: Store, text: str, values: tuple[object, ...]) -> str:
    """How the engine would execute a statement."""
    if store.is_sqlite:
        return "\n".join(str(row[-1]) for row in store.rows(f"EXPLAIN QUERY PLAN {text}", values))
    store.run("SET enable_seqscan = off")  # a small table would be scanned: the question is whether the index fits
    return "\n".join(str(row[0]) for row in store.rows(f"EXPLAIN {text}", values))


STATEMENTS = [
    pytest.param("SELECT min(lane) FROM spool WHERE state = 'queued' AND service_flag = ? AND lane > ?", (4, 1),
                 "spool_due", id="lanes"),
    pytest.param("SELECT id FROM spool WHERE state = 'queued' AND service_flag = ? AND lane = ? AND not_before <= ?"
                 " AND (not_before, id) > (?, ?) ORDER BY not_before, id LIMIT ?", (4, 0, NOW, 0.0, 0, 10),
                 "spool_due", id="due"),
    pytest.param("SELECT id FROM spool WHERE worker_id = ?", (1,), "spool_held", id="held"),
    pytest.param("SELECT id FROM spool WHERE state IN ('submitted', 'uncertain') AND deadline_at <= ?"
                 " ORDER BY deadline_at LIMIT ?", (NOW, 5), "spool_deadline", id="overdue"),
    pytest.param("SELECT count(*) FROM spool WHERE provider_id = ? AND service_flag IN (1, 2)"
                 " AND state IN ('claimed', 'submitting', 'submitted')", (1,), "spool_channel", id="channels"),
    pytest.param("SELECT id FROM spool WHERE state = 'queued' AND waiting_for <> '' AND not_before > ? LIMIT ?",
                 (NOW, 5), "spool_waiting", id="waiting"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "index"), STATEMENTS)
def test_statements_use_their_indexes(store: Store, text: str, values: tuple[object, ...], index: str) -> None:
    fill(store, {0: 5})
    assert index in plan_of(store, text, values)


def test_due_gives_lanes_their_shares_in_order(store: Store) -> None:
    fill(store, {0: 3, 1: 50, 2: 50})
    with store.transaction():
        rows = queue.due(store, 4, [0, 1, 2], 23, NOW)
    lanes = [row[9] for row in rows]
    assert (lanes.count(0), lanes.count(1), lanes.count(2)) == (3, 10, 10)
    assert len({row[0] for row in rows}) == 23
    for lane in (0, 1, 2):
        ids = [row[0] for row in rows if row[9] == lane]
        assert ids == sorted(ids)


def test_due_of_nothing(store: Store) -> None:
    with store.transaction():
        assert queue.due(store, 4, [], 10, NOW) == []
        assert queue.due(store, 4, [0], 0, NOW) == []
        assert queue.due(store, 4, [0], 10, NOW) == []
    assert queue.lanes(store, 4) == []


def test_put_off_explain_and_reconsider(store: Store) -> None:
    fill(store, {0: 3})
    ids = [id for (id,) in store.rows("SELECT id FROM spool ORDER BY id")]
    with store.transaction():
        queue.put_off(store, [(ids[0], NOW + 60, "provider a is down: x")])
        assert [row[0] for row in queue.due(store, 4, [0], 10, NOW)] == ids[1:]
    assert queue.explain(store, 4, "no provider for sms", NOW) == 2
    assert queue.explain(store, 4, "no provider for sms", NOW) == 0  # it is said already
    assert queue.reconsider(store, NOW) == 1
    with store.transaction():
        assert {row[0] for row in queue.due(store, 4, [0], 10, NOW)} == set(ids)


def test_hand_back_keeps_what_was_handed_over(store: Store) -> None:
    fill(store, {0: 3})
    rows = store.rows("SELECT id, uuid FROM spool ORDER BY id")
    queue.mark_submitting(store, [row[0] for row in rows], worker=7, node=1, provider=2, now=NOW)
    assert queue.hand_back(store, 7, [rows[1][1]]) == 2
    assert store.rows("SELECT state, worker_id FROM spool ORDER BY id") == [
        ("queued", None), ("submitting", 7), ("queued", None),
    ]  # fmt: skip


@pytest.mark.postgresql
def test_claims_at_the_same_time_do_not_meet(store: Store) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite has one writer at a time by itself")
    fill(store, {0: 200, 1: 200})
    taken: list[int] = []
    lock = threading.Lock()

    def claim() -> None:
        mine = Store(store.url)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with mine.transaction():
                ids = [row[0] for row in queue.due(mine, 4, queue.lanes(mine, 4), 20, NOW)]
                queue.mark_submitting(mine, ids, worker=1, node=None, provider=1, now=NOW)
            with lock:
                taken.extend(ids)
            if not ids and not queue.lanes(mine, 4):
                break
        mine.close()

    threads = [threading.Thread(target=claim) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == len(set(taken)) == 400


HOSTILE = ["", "plain", "Größe 🙂", "'; DROP TABLE spool; --", '{"a": [1]}\\', "a\r\nb\tc", "%s %% ? :x $1"]


def test_bulk_statements_keep_values_as_they_are(store: Store) -> None:
    fill(store, {0: len(HOSTILE)})
    ids = [id for (id,) in store.rows("SELECT id FROM spool ORDER BY id")]
    bulk = Bulk(
        "UPDATE spool SET response = {text}, amount = {number} FROM {rows} WHERE spool.id = {id}",
        {"id": "int", "text": "text", "number": "real"},
    )
    with store.transaction():
        changed = bulk.run(
            store,
            [(id, text, None if n % 2 else n + 0.1) for n, (id, text) in enumerate(zip(ids, HOSTILE, strict=True))],
        )
        assert changed == len(HOSTILE)
        assert bulk.run(store, [(999_999, "x", 0.0)]) == 0
        assert bulk.run(store, []) == 0
    assert store.rows("SELECT response, amount FROM spool ORDER BY id") == [
        (text, None if n % 2 else n + 0.1) for n, text in enumerate(HOSTILE)
    ]


def test_bulk_insert_tells_what_was_new(store: Store) -> None:
    insert = BulkInsert("inbox", {"key": "text", "kind": "text", "body": "text", "received_at": "real"}, "key")
    rows = [(text or "empty", "k", text, 1.5) for text in HOSTILE]
    assert insert.run(store, rows[:3]) == {"empty", *HOSTILE[1:3]}
    assert insert.run(store, rows + rows) == set(HOSTILE[3:])
    assert insert.run(store, []) == set()
    assert sorted(store.rows("SELECT key, body, received_at FROM inbox")) == sorted((a, c, d) for a, _, c, d in rows)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", ""), ("a\0b", "a\ufffdb"), ("ü\0", "ü\ufffd"), ("\ud800x", "?x"), ("ünï 🙂", "ünï 🙂")],
    ids=["empty", "NUL", "NUL beside others", "lone surrogate", "well"],
)
def test_clean(text: str, wanted: str) -> None:
    assert clean(text) == wanted


def test_plans_come_back_as_they_were() -> None:
    from ictcore.domain.plan import Edge, Plan, Step

    plan = Plan(
        (Step("a", "play", {"text": "x\u2028'\"", "n": [1, None]}), Step("b", "disconnect")), (Edge("a", "*", "b"),)
    )
    assert load_plan(dump_plan(plan)) == plan
    assert load_plan(dump_plan(plan)) is load_plan(dump_plan(plan))
