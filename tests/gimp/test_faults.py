"""Whatever goes wrong: one clear message, the image as before, no undo group open, nothing left behind."""

import numpy as np
import pytest

from .conftest import Batch

pytestmark = [pytest.mark.gimp, pytest.mark.slow]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("missing", ["could not be started", "no-such-python", "gimp-install"]),
        ("without the suite", ["No module named", "is napari-defocus installed", "gimp-install"]),
        ("old", ["the suite is too old", "pip install --upgrade napari-defocus"]),
        ("memory", ["not enough memory"]),
        ("internal", ["a fault in defocus", "ValueError: surprise"]),
        ("worker's disk full", ["the disk with the temporary folder /tmp is full"]),
        ("died", ["ended unexpectedly", "exit code 3"]),
        ("killed", ["was killed", "out of memory"]),
        ("too small", ["20 x 20", "small"]),
        ("damaged settings", ["not completely installed", "gimp-install"]),
        ("other settings", ["different versions", "gimp-install"]),
    ],
)
def test_faults_are_told_in_one_message(faults, check, said):
    message = faults.facts(check)["message"]
    for words in said:
        assert words.lower() in message.lower()
    assert "\n" not in message
    assert "Traceback" not in message


def test_cancelling_leaves_nothing_behind(faults):
    # The message is GIMP's own; that image, files and processes are in order the script inside GIMP has seen
    faults.facts("cancelled")


def test_gimp_goes_on_working_after_all_faults(faults):
    mask = faults.image("works again", "after-faults").layers[0].mask
    width = mask.shape[1]
    assert np.mean(mask[:, : width // 2 - 25] == 255) > 0.9
    assert np.mean(mask[:, width // 2 + 25 :] == 0) > 0.9


def test_a_full_disk_is_told(gimp):
    if gimp.root is None:
        pytest.skip("a small disk can be mounted only where the tests build their own GIMP")
    message = Batch(gimp, "full", TMPDIR="/tmp/full").facts("full disk")["message"]
    assert "in /tmp/full cannot be written: No space left on device" in message
