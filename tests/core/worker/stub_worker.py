"""The worker with a stand-in for the analysis: known answers, and faults when asked for."""

from __future__ import annotations

import os
import signal
import sys
import time
import types
from pathlib import Path

import numpy as np

from defocus.parameters import AnalysisParameters, MaskParameters


class Analysis:
    """Takes the luminance, times 10 px, for the blur radius."""

    max_radius = 10.0
    threshold = 3.0
    kind = "photograph"
    psf = None  # a disc
    known_share = 0.75
    saturated_share = 0.0
    shape_doubt = ""
    kind_doubt = ""
    threshold_reason = "always"
    other_threshold = None

    def __init__(self, picture, parameters):
        self.picture = picture
        self.parameters = parameters
        self.shape = picture.shape
        self.noise_variance = 1e-4 if parameters.noise == "auto" else parameters.noise
        self.confidence = picture.alpha if picture.alpha is not None else np.ones(self.shape, np.float32)
        self.maps_made = 0

    def share_at_end(self, radius):
        return 0.25

    def share_of(self, mask):
        return float(mask.mean())

    def blur_map(self, parameters, *, in_focus=None, blurred=None, progress):
        progress(0.5, "mapping")
        self.maps_made += 1
        radius = self.picture.luminance * np.float32(10 * parameters.smoothness)
        return radius if in_focus is None else np.where(in_focus, np.float32(0), radius)

    def focus_mask(self, parameters=None, **asked):
        return self.focus_matte(parameters, **asked) > 0

    def focus_matte(self, parameters=None, *, in_focus=None, blurred=None, progress=lambda done, stage: None):
        parameters = parameters or MaskParameters()
        if "DEFOCUS_TEST_FOLDER" in os.environ:
            with (Path(os.environ["DEFOCUS_TEST_FOLDER"]) / "masks-made.log").open("a") as log:
                log.write(f"{parameters.smoothness}\n")
        print("noise on standard output, as some libraries make")
        os.write(1, b"and from C\n")
        fault = {7.0: MemoryError(), 7.1: ValueError("surprise"), 7.2: OSError(28, "No space left on device")}
        if parameters.smoothness in fault:
            raise fault[parameters.smoothness]
        if parameters.smoothness == 8:
            os._exit(3)
        if parameters.smoothness == 8.5:
            os.kill(os.getpid(), signal.SIGKILL)
        if parameters.smoothness == 9.5:
            os.kill(os.getppid(), signal.SIGKILL)
        if parameters.smoothness == 8.8:
            time.sleep(4)
        if parameters.smoothness >= 9:
            progress(0.1, "sleeping")
            time.sleep(60)
        threshold = self.threshold if parameters.threshold == "auto" else parameters.threshold
        mask = self.picture.luminance * 10 <= threshold
        if in_focus is not None:
            mask = mask | in_focus
        if blurred is not None:
            mask = mask & ~blurred
        progress(1.0, "cutting the mask")
        hard = mask.astype(np.float32)
        return hard if parameters.softness == 0 else hard * np.float32(0.4) + np.float32(0.31)


def analyze(image, parameters=None, *, progress):
    progress(0.0, "filtering")
    progress(1.0, "likelihoods")
    return Analysis(image, parameters or AnalysisParameters())


stub = types.ModuleType("defocus.analysis")
stub.analyze = analyze
sys.modules["defocus.analysis"] = stub

if __name__ == "__main__":
    from defocus.worker import __main__ as worker

    if "--old" in sys.argv:
        sys.argv.remove("--old")
        worker.PROTOCOL = 0
    worker.main()
