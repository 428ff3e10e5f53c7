from __future__ import annotations

import threading
import time

import pytest

from defocus import Cancelled, parallel
from defocus.parallel import run_long_parts, run_parts


def test_results_come_in_order_and_progress_rises_to_one():
    seen = []
    results = run_parts(
        lambda part: (time.sleep(0.001 * (5 - part)), part)[1],
        range(5),
        threads=3,
        progress=lambda fraction, stage: seen.append((fraction, stage)),
        stage="testing",
    )
    assert results == [0, 1, 2, 3, 4]
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    assert seen[-1] == (1.0, "testing")


def test_cancelling_begins_no_further_part():
    begun = []
    gate = threading.Event()

    def work(part):
        begun.append(part)
        gate.wait(5)
        time.sleep(0.05)  # a busy machine may take some time to tell

    def refuse(fraction, stage):
        gate.set()
        raise Cancelled

    with pytest.raises(Cancelled):
        run_parts(work, range(100), threads=2, progress=refuse)
    assert len(begun) < 10


def test_an_error_in_a_part_is_raised():
    def work(part):
        if part == 3:
            raise ValueError("part 3")
        return part

    with pytest.raises(ValueError, match="part 3"):
        run_parts(work, range(6))


def test_one_thread_works_where_it_is_called_and_can_be_cancelled():
    begun, where = [], []

    def work(part):
        begun.append(part)
        where.append(threading.get_ident())
        return -part

    seen = []
    assert run_parts(work, range(3), threads=1, progress=lambda *told: seen.append(told), stage="x") == [0, -1, -2]
    assert set(where) == {threading.get_ident()}
    assert seen == [(1 / 3, "x"), (2 / 3, "x"), (1.0, "x")]
    begun.clear()

    def refuse(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        run_parts(work, range(9), threads=1, progress=refuse)
    assert begun == [0]


@pytest.mark.parametrize(("cores", "parts", "inside"), [(1, 3, 1), (4, 1, 4), (4, 2, 2), (2, 5, 1)])
def test_long_parts_share_the_threads_and_report_from_the_caller(monkeypatch, cores, parts, inside):
    monkeypatch.setattr(parallel, "available_threads", lambda: cores)
    seen, given, callers = [], set(), set()

    told_again = threading.Condition()

    def work(part, progress, threads):
        given.add(threads)
        for step in range(4):
            progress(step / 4, "")
            with told_again:  # a part goes on when its last step has been told, however busy the machine is
                told_again.wait_for(lambda wanted=step / 4 / parts: seen and seen[-1] >= wanted, timeout=30)
        return part

    def told(fraction, stage):
        with told_again:
            seen.append(fraction)
            told_again.notify_all()
        callers.add(threading.get_ident())
        assert stage == "testing"

    assert run_long_parts(work, range(parts), progress=told, stage="testing") == list(range(parts))
    assert given == {inside}
    assert callers == {threading.get_ident()}
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(set(seen)) > 2


@pytest.mark.parametrize("cores", [1, 3])
def test_long_parts_stop_in_the_middle(monkeypatch, cores):
    monkeypatch.setattr(parallel, "available_threads", lambda: cores)
    ended = []

    def work(part, progress, threads):
        try:
            for step in range(1000):
                progress(step / 1000, "")
                time.sleep(0.01)
        except Cancelled:
            ended.append(part)
            raise

    def refuse(fraction, stage):
        if fraction > 0.01:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_long_parts(work, range(3), progress=refuse)
    for _ in range(100):
        if len(ended) == cores:
            break
        time.sleep(0.05)
    assert len(ended) == cores
