"""The worker process behind the widgets: same answers, quick second ones, cancelled at once."""

import threading

import numpy as np
import pytest
from napari.layers import Image

from defocus import Cancelled
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters
from defocus.session import Question
from napari_defocus.engine import LocalEngine, WorkerEngine, like_source
from napari_defocus.layers.source import Source
from napari_defocus.requests import PlaneRequest, Token

QUICK = AnalysisParameters(window=21, spacing=4)


def asked(source, request, parameters=None, analysis=QUICK, *, hints=None, unchanged=False):
    return PlaneRequest(source, (), Question(request, parameters, hints=hints or {}), analysis, unchanged)


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
    for request in (
        asked(source, "blur_map", MapParameters(), QUICK),
        asked(source, "focus_mask", MaskParameters(threshold=3.0), QUICK, hints={"in_focus": hint}),
        asked(source, "confidence", None, QUICK),
    ):
        here, there = LocalEngine().compute(request), engine.compute(request)
        np.testing.assert_allclose(there.values, here.values, atol=1e-5)
        assert there.max_radius == here.max_radius
        assert there.threshold == pytest.approx(here.threshold)


def test_little_contrast_in_8_bits_is_stretched_in_the_worker_as_here(engine, scene):
    """Counts that fill a tenth of their range; the kind stays that of 8 bits."""
    faint = (scene[0][..., 1] // 10 + 90).astype(np.uint8)
    request = asked(Source.from_layer(Image(faint)), "blur_map", MapParameters(), QUICK)
    here, there = LocalEngine().compute(request), engine.compute(request)
    np.testing.assert_allclose(there.values, here.values, atol=1e-5)
    assert there.kind == here.kind == "photograph"
    assert there.noise_variance == pytest.approx(here.noise_variance)
    assert there.noise_variance > 1e-4  # of the stretched range; unstretched steps of 1/255 leave 1e-5 or so


def test_a_second_question_about_a_picture_is_not_measured_again(engine, scene):
    source = Source.from_layer(Image(scene[0]))
    stages = []
    engine.compute(asked(source, "blur_map", MapParameters(), QUICK), lambda _, stage: stages.append(stage))
    measuring = set(stages)
    stages.clear()
    request = asked(source, "focus_mask", MaskParameters(), QUICK)
    assert engine.holds(request)
    engine.compute(request, lambda _, stage: stages.append(stage))
    assert set(stages).isdisjoint(measuring)
    other = asked(source, "focus_mask", MaskParameters(), AnalysisParameters(window=19, spacing=4))
    assert not engine.holds(other)


def test_cancel_ends_the_process_and_the_next_request_starts_another(engine, worker_processes):
    big = Source.from_layer(Image(np.random.default_rng(0).random((700, 900))))
    token, started = Token(), threading.Event()
    failures = []

    def run():
        try:
            engine.compute(
                asked(big, "blur_map", MapParameters(), AnalysisParameters(spacing=1)),
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
    assert engine.compute(asked(small, "blur_map", MapParameters(), QUICK)).values.shape == (60, 70)


def test_a_worker_that_died_is_replaced(engine, scene, worker_processes):
    source = Source.from_layer(Image(scene[0]))
    request = asked(source, "focus_mask", MaskParameters(), QUICK)
    before = engine.compute(request).values
    engine._client._process.kill()
    engine._client._process.wait()
    after = engine.compute(request).values
    np.testing.assert_array_equal(after, before)
    engine.close()
    assert worker_processes(expected=0) == 0


def test_requests_of_two_threads_take_turns(engine, scene):
    source = Source.from_layer(Image(scene[0]))
    requests = [asked(source, "focus_mask", MaskParameters(threshold=t), QUICK) for t in (1.0, 2.0, 3.0, 4.0)]
    expected = [LocalEngine().compute(request).values for request in requests]
    results = [None] * 4
    threads = [
        threading.Thread(target=lambda i=i: results.__setitem__(i, engine.compute(requests[i]).values))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_a_request_that_waits_for_another_says_so(engine, scene):
    stages = []
    source = Source.from_layer(Image(scene[0]))
    with engine._turn:
        thread = threading.Thread(
            target=lambda: engine.compute(asked(source, "blur_map"), lambda _, stage: stages.append(stage))
        )
        thread.start()
        thread.join(0.3)
        assert stages == ["waiting for another measurement"]
    thread.join(60)
    assert len(stages) > 1


def test_unchanged_pixels_are_not_looked_at_again_and_others_are(engine, scene, monkeypatch):
    looks = []
    original = Source.key
    monkeypatch.setattr(Source, "key", lambda self, index: looks.append(index) or original(self, index))
    layer = Image(scene[0].copy())
    for local in (engine, LocalEngine()):
        looks.clear()
        first = local.compute(asked(Source.from_layer(layer), "blur_map")).values
        assert len(looks) == 1
        again = asked(Source.from_layer(layer), "blur_map", unchanged=True)
        np.testing.assert_array_equal(local.compute(again).values, first)
        assert len(looks) == 1
        layer.data[:60] = 255 - layer.data[:60] // 2  # painted on, in place: a run looks
        assert not np.array_equal(local.compute(asked(Source.from_layer(layer), "blur_map")).values, first)
        layer.data = scene[0].copy()  # other data are looked at, whatever is said
        np.testing.assert_array_equal(
            local.compute(asked(Source.from_layer(layer), "blur_map", unchanged=True)).values, first
        )
        assert len(looks) == 3


def test_the_confidence_of_the_map_that_was_drawn_draws_none(monkeypatch, scene):
    from defocus.answer import answer

    drawn = []
    original = answer.surface_radii
    monkeypatch.setattr(answer, "surface_radii", lambda *a, **k: drawn.append(1) or original(*a, **k))
    engine, source, parameters = LocalEngine(), Source.from_layer(Image(scene[0])), MapParameters(smoothness=0.5)
    engine.compute(asked(source, "blur_map", parameters))
    confidence = engine.compute(asked(source, "confidence", parameters, unchanged=True)).values
    assert len(drawn) == 1
    assert confidence.min() >= 0
    assert 0.5 < confidence.max() <= 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_a_picture_that_nothing_was_done_to_comes_back_as_it_was(kind, channels):
    from defocus.pictures.picture import as_picture

    random = np.random.default_rng(1)
    shape = (20, 30, *channels)
    if np.issubdtype(kind, np.integer):
        limits = np.iinfo(kind)
        pixels = random.integers(max(limits.min, -5000), min(limits.max, 5000), shape).astype(kind)
    else:
        pixels = random.random(shape).astype(kind) * (1 if channels else 7)
    picture = as_picture(pixels)
    back = like_source(picture.color, picture, pixels)
    assert back.dtype == pixels.dtype
    np.testing.assert_allclose(back, pixels, rtol=1e-5, atol=1e-3 if kind == np.float32 or kind == np.float64 else 0.6)
    if channels == (4,):
        np.testing.assert_array_equal(back[..., 3], pixels[..., 3])
