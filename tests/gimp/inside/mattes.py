"""Inside GIMP, for `benchmarks/mattes.py`: mattes by the suite's own soft edge and by GIMP's foreground extraction."""

import os
import sys

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from gi.repository import Gimp
from tools import MASK, Report, load, run, save

report = Report("mattes")


def matte(name, way, **chosen):
    image = load(f"{name}.png")
    layer = image.get_layers()[0]
    run(MASK, image, [layer], **chosen)
    assert layer.get_mask() is not None
    save(image, f"{name}-{way}")
    image.delete()


for name in os.environ["DEFOCUS_MATTES"].split():
    for softness in (4.0, 8.0):
        for way in ("own", "extract"):
            report.check(f"{name} {way} {softness:g}", matte, name, f"{way}-{softness:g}", edge=way, softness=softness)
    report.check(f"{name} hard", matte, name, "hard")
Gimp.displays_flush()
