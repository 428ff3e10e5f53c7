"""Inside a GIMP whose temporary folder lies on a disk that is too small for a picture's pixels."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from tools import MASK, Report, call, load

report = Report("full")


def full_disk():
    image = load("photo.png")
    layer = image.get_layers()[0]
    status, message = call(MASK, image, [layer])
    assert status != "success"
    assert layer.get_mask() is None
    assert not image.undo_group_end(), "an undo group was left open"
    assert list(Path(tempfile.gettempdir()).glob("defocus-*")) == []
    return {"message": message}


report.check("full disk", full_disk)
