"""The dialogs: small enough for small screens, also in German and on dense ones; before and after."""

import numpy as np
import pytest
from PIL import Image

from .conftest import Batch

pytestmark = [pytest.mark.gimp, pytest.mark.slow]
WIDTH, HEIGHT = 640, 600
ENTRIES = ("mask", "map", "sharpen", "background")


@pytest.fixture(scope="module")
def dialogs(gimp):
    return Batch(gimp, "dialogs", window=True, timeout=600)


@pytest.fixture(scope="module")
def german(gimp):
    script = gimp.profile / "plug-ins" / "defocus" / "defocus.py"
    script.touch()  # GIMP asks a plug-in anew only if its date changed
    try:
        yield Batch(
            gimp,
            "dialogs",
            report="german",
            window=True,
            timeout=500,
            screen="1600x1400",
            LANGUAGE="de",
            LANG="de_DE.UTF-8",
            GDK_SCALE="2",
            DEFOCUS_TEST_NAME="german",
            DEFOCUS_TEST_PICTURE="large.png",  # whose preview is reduced: its pixels all differ
        )
    finally:
        script.touch()


def small_enough(facts, factor=1):
    for width, height in facts.values():
        assert width <= factor * WIDTH
        assert height <= factor * HEIGHT


@pytest.mark.parametrize("entry", ENTRIES)
def test_dialogs_are_small_enough_folded_and_unfolded(dialogs, entry):
    small_enough(dialogs.facts(entry))


@pytest.mark.parametrize("entry", ENTRIES)
def test_dialogs_are_small_enough_in_german_on_a_dense_screen(german, entry):
    small_enough(german.facts(entry), 2)


def screen(batch, name):
    return np.asarray(Image.open(batch.folder / f"window-{name}.png").convert("L")).astype(float)


def test_the_preview_has_the_pixels_of_a_dense_screen(german):
    """Neighbours in a row differ within every pair of pixels as between pairs; doubled pixels would not."""
    german.facts("mask")
    preview = screen(german, "german-mask")[100:400, 80:300]  # the sharp left half
    steps = np.abs(np.diff(preview, axis=1)).mean(axis=0)
    assert min(steps[::2].mean(), steps[1::2].mean()) > 0.5 * max(steps[::2].mean(), steps[1::2].mean())


PICTURE = np.s_[30:230, 30:340]  # rows and columns of the dialog
MIDDLE, MOVED = 154, 234  # columns of that: the line between before and after, and where it was moved to


def test_what_was_before_is_seen_while_b_is_held(dialogs):
    dialogs.facts("compared background")
    after, held, again = (
        screen(dialogs, f"dialogs-background-{name}")[30:230, 200:320] for name in ("after", "held", "let-go")
    )
    assert np.abs(np.diff(held, axis=1)).mean() > 1.1 * np.abs(np.diff(after, axis=1)).mean()  # the blurred right half
    assert np.array_equal(after, again)


@pytest.mark.parametrize("entry", ENTRIES)
def test_before_and_after_lie_beside_each_other_in_every_dialog(dialogs, entry):
    """Left of the line is what B shows, right of it the result; the line goes where it is dragged."""
    dialogs.facts(f"compared {entry}")
    after, held, split, moved = (
        screen(dialogs, f"dialogs-{entry}-{name}")[PICTURE] for name in ("after", "held", "split", "moved")
    )
    assert np.abs(after - held).max() > 5
    for seen, line in ((split, MIDDLE), (moved, MOVED)):
        assert np.array_equal(seen[:, : line - 6], held[:, : line - 6])
        assert np.array_equal(seen[:, line + 6 :], after[:, line + 6 :])


def test_the_preview_hides_what_the_layer_s_mask_hides(dialogs):
    """Its left half: there is a checkerboard, of GIMP's greys."""
    dialogs.facts("masked")
    preview = screen(dialogs, "dialogs-masked")[PICTURE]
    squares = (np.abs(preview - 0x66) <= 1) | (np.abs(preview - 0x99) <= 1)
    assert squares[:, : MIDDLE - 8].mean() > 0.95
    assert squares[:, MIDDLE + 8 :].mean() < 0.1


def test_the_preview_is_limited_to_the_selection_as_the_result_is(dialogs):
    """The left half of the picture, which is sharp, is selected: nothing changes on the right, and that is said."""
    dialogs.facts("limited")
    held, limited = (screen(dialogs, f"dialogs-{name}")[30:230, 200:320] for name in ("background-held", "limited"))
    # The note is longer there, and the preview a little smaller: its pixels lie elsewhere
    steps = [np.abs(np.diff(half, axis=1)).mean() for half in (held, limited)]
    assert steps[1] == pytest.approx(steps[0], rel=0.15)
