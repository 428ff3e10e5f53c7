"""Pages for people: `demo` runs everything on the samples, `experiments` repeats the paper's simulations.

`models` has the scenes of the experiments, `page` writes them down.
"""

from __future__ import annotations

__all__ = ["demo", "experiments", "models", "page"]
