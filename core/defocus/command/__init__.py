"""The command line: `line` has the commands, `options` makes their options, `work` does one file, `batch` does many."""

from __future__ import annotations

import os

__all__ = ["batch", "line", "options", "work"]

# Matrices are small here: numpy's threads would only wait for one another, for a quarter of what a picture of the web
# takes of the processor. Said before numpy is loaded, unless somebody says otherwise; results are the same
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
