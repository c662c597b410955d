"""The queue between gateways and the dispatcher."""

from __future__ import annotations

import threading

from ictcore.dispatch.sink import QueueSink, confirm
from ictcore.spec import Delivered, Receipt, Refusal, utc_now


def event(number: int) -> Delivered:
    return Delivered(attempt_id=str(number), at=utc_now())


def test_batches_come_out_in_order_and_go_back_in_order() -> None:
    sink = QueueSink()
    for number in range(5):
        sink.put([event(number), event(number + 100)])
    assert len(sink) == 10
    first = sink.drain(4)
    assert [item.attempt_id for _, events in first for item in events] == ["0", "100", "1", "101"]  # type: ignore[union-attr]
    assert len(sink) == 6
    sink.restore(first)
    everything = sink.drain(1000)
    assert [events[0].attempt_id for _, events in everything] == ["0", "1", "2", "3", "4"]  # type: ignore[union-attr]
    assert len(sink) == 0
    assert sink.drain(10) == []


def test_each_receipt_gets_its_own_refusals() -> None:
    sink = QueueSink()
    receipts = [sink.put([event(1)]), sink.put([event(2), event(3)]), sink.put([])]
    no = Refusal()
    confirm(sink.drain(10), [None, no, None])
    assert [list(receipt.refusals) for receipt in receipts] == [[None], [no, None], []]
    assert all(receipt.wait(0) for receipt in receipts)


def test_put_ends_a_wait() -> None:
    sink = QueueSink()
    threading.Timer(0.01, lambda: sink.put([event(1)])).start()
    assert sink.wait(20.0)
    assert not sink.wait(0.0)
    sink.wake()
    assert sink.wait(20.0)


def test_many_threads_put_and_nothing_is_lost() -> None:
    sink = QueueSink()
    seen: list[str] = []
    receipts: list[Receipt] = []

    def work(start: int) -> None:
        for number in range(start, start + 500):
            receipts.append(sink.put([event(number)]))

    threads = [threading.Thread(target=work, args=(number * 1000,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while len(seen) < 2000:
        sink.wait(5.0)
        taken = sink.drain(64)
        seen += [events[0].attempt_id for _, events in taken]  # type: ignore[union-attr]
        confirm(taken, [None] * sum(len(events) for _, events in taken))
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 2000
    assert len(sink) == 0
    assert all(receipt.wait(0) for receipt in receipts)
    for start in range(0, 4000, 1000):  # the order of each thread is kept
        mine = [int(number) for number in seen if start <= int(number) < start + 1000]
        assert mine == sorted(mine)
