"""Inside GIMP: how long a call takes from the procedure's start to the mask on the layer."""

import os
import sys

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from tools import MASK, Report, load, run

report = Report("timing")
image = load("photograph.png")
layer = image.get_layers()[0]


def mask():
    run(MASK, image, [layer])
    assert layer.get_mask() is not None


# Each call starts a worker of its own; the first may compile
for number in range(4):
    report.check(f"call {number}", mask)
