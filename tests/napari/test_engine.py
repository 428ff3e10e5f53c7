"""The worker process behind the widgets: same answers, quick second ones, cancelled at once."""

import threading
import time

import numpy as np
import pytest
from napari.layers import Image

from defocus import Cancelled
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters
from napari_defocus.engine import LocalEngine, WorkerEngine
from napari_defocus.jobs import Job, Token
from napari_defocus.layers.source import Source
from napari_defocus.widgets.background import reports

QUICK = AnalysisParameters(window=21, spacing=4)


@pytest.fixture
def engine():
    made = WorkerEngine()
    yield made
    made.close()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_worker_and_this_process_agree(engine, scene, kind):
    picture = scene[0].astype(np.float64) * (np.iinfo(kind).max / 255 if kind is not np.float32 else 1 / 255)
    source = Source.from_layer(Image(picture.astype(kind), rgb=True))
    hint = np.zeros(source.shape, bool)
    hint[:9, -9:] = True
    for job in (
        Job(source, (), "blur_map", MapParameters(), QUICK),
        Job(source, (), "focus_mask", MaskParameters(threshold=3.0), QUICK, hints={"in_focus": hint}),
        Job(source, (), "confidence", None, QUICK),
    ):
        here, there = LocalEngine().compute(job), engine.compute(job)
        np.testing.assert_allclose(there.values, here.values, atol=1e-5)
        assert there.max_radius == here.max_radius
        assert there.threshold == pytest.approx(here.threshold)


def test_a_second_question_about_a_picture_is_not_measured_again(engine, scene):
    source = Source.from_layer(Image(scene[0]))
    stages = []
    engine.compute(Job(source, (), "blur_map", MapParameters(), QUICK), lambda _, stage: stages.append(stage))
    measuring = set(stages)
    stages.clear()
    job = Job(source, (), "focus_mask", MaskParameters(), QUICK)
    assert engine.holds(job)
    engine.compute(job, lambda _, stage: stages.append(stage))
    assert set(stages).isdisjoint(measuring)
    other = Job(source, (), "focus_mask", MaskParameters(), AnalysisParameters(window=19, spacing=4))
    assert not engine.holds(other)


def test_cancel_ends_the_process_and_the_next_job_starts_another(engine, worker_processes):
    big = Source.from_layer(Image(np.random.default_rng(0).random((700, 900))))
    token, started = Token(), threading.Event()
    failures = []

    def run():
        try:
            engine.compute(
                Job(big, (), "blur_map", MapParameters(), AnalysisParameters(spacing=1)),
                lambda fraction, _: started.set() if fraction > 0 else None,
                token,
            )
        except Cancelled as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(60)
    assert worker_processes(expected=1) == 1
    token.cancel()
    thread.join(20)
    assert not thread.is_alive()
    assert len(failures) == 1
    assert worker_processes(expected=0) == 0
    small = Source.from_layer(Image(np.random.default_rng(0).random((60, 70))))
    assert engine.compute(Job(small, (), "blur_map", MapParameters(), QUICK)).values.shape == (60, 70)


def test_a_worker_that_died_is_replaced(engine, scene, worker_processes):
    source = Source.from_layer(Image(scene[0]))
    job = Job(source, (), "focus_mask", MaskParameters(), QUICK)
    before = engine.compute(job).values
    engine._client._process.kill()
    engine._client._process.wait()
    after = engine.compute(job).values
    np.testing.assert_array_equal(after, before)
    engine.close()
    assert worker_processes(expected=0) == 0


def test_jobs_of_two_threads_take_turns(engine, scene):
    source = Source.from_layer(Image(scene[0]))
    jobs = [Job(source, (), "focus_mask", MaskParameters(threshold=t), QUICK) for t in (1.0, 2.0, 3.0, 4.0)]
    expected = [LocalEngine().compute(job).values for job in jobs]
    results = [None] * 4
    threads = [
        threading.Thread(target=lambda i=i: results.__setitem__(i, engine.compute(jobs[i]).values)) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_reports_pass_on_progress_result_and_error():
    def work(progress, token):
        progress(0.5, "half way")
        time.sleep(0.2)
        return "done"

    outcome, seen = [], []

    def collect():
        outcome.append((yield from reports(work, Token())))

    seen.extend(collect())
    assert (0.5, "half way") in seen
    assert outcome == ["done"]

    def fail(progress, token):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(reports(fail, Token()))


def test_closing_the_reports_cancels_the_work():
    token, ended = Token(), threading.Event()

    def work(progress, token):
        while not token.cancelled:
            time.sleep(0.01)
        ended.set()

    generator = reports(work, token)
    next(generator)
    generator.close()
    assert ended.wait(5)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_a_picture_that_nothing_was_done_to_comes_back_as_it_was(kind, channels):
    from defocus.pictures.picture import as_picture
    from napari_defocus.engine import _as_source

    random = np.random.default_rng(1)
    shape = (20, 30, *channels)
    if np.issubdtype(kind, np.integer):
        limits = np.iinfo(kind)
        pixels = random.integers(max(limits.min, -5000), min(limits.max, 5000), shape).astype(kind)
    else:
        pixels = random.random(shape).astype(kind) * (1 if channels else 7)
    picture = as_picture(pixels)
    back = _as_source(picture.color, picture, pixels)
    assert back.dtype == pixels.dtype
    np.testing.assert_allclose(back, pixels, rtol=1e-5, atol=1e-3 if kind == np.float32 or kind == np.float64 else 0.6)
    if channels == (4,):
        np.testing.assert_array_equal(back[..., 3], pixels[..., 3])
