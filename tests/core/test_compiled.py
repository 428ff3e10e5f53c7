from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import numpy as np
from defocus.cuts.grid_cut import minimum_cut
seen = []
rng = np.random.default_rng(0)
minimum_cut(rng.random((9, 9)), 0.5, np.ones((4, 9, 9)), progress=lambda fraction, stage: seen.append(stage))
print(seen)
"""


@pytest.mark.slow
def test_only_the_first_process_says_that_it_compiles(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert "cutting the mask (compiling for this machine, once)" in first
    assert "compiling" not in second
    assert "cutting the mask" in second
