"""Log-odds: how probable it is that each sample is in focus, from its windows, its surroundings and the whole picture.

A sum of small regression trees (gradient boosting [1]_), fitted on photographs whose focus is known by
``python -m benchmarks.fit_belief``. A second sum also looks at what the first says of the surroundings (auto-context
[2]_): a window without texture knows nothing, but may lie amidst windows that do. The trees stand in
``table.json`` beside this file.

References
----------
.. [1] J. H. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29(5), 2001.
   https://doi.org/10.1214/aos/1013203451
.. [2] Z. Tu, "Auto-context and Its Application to High-level Vision Tasks", CVPR 2008.
   https://doi.org/10.1109/CVPR.2008.4587436
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.belief.names import CONTEXT_NUMBERS, LOCAL_NUMBERS
from defocus.belief.numbers import local_numbers
from defocus.belief.surroundings import context_numbers
from defocus.belief.texture import local_texture
from defocus.belief.trees import TABLE, read_table, sum_of_trees

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.belief.trees import Trees
    from defocus.belief.vote import Vote
    from defocus.evidence import Evidence

__all__ = ["focus_log_odds"]

_LIMIT = 8.0  # log-odds: no belief is surer than 1 in 3000


def focus_log_odds(
    evidence: Evidence,
    luminance: NDArray[np.float32],
    color: NDArray[np.float32],
    voted: Vote,
    *,
    table: Path = TABLE,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Return the log-odds that each sample is in focus.

    Parameters
    ----------
    evidence : Evidence
    luminance : float32 (H, W)
        Of the picture, in [0, 1].
    color : float32 (h, w, 3)
        Mean colour around each sample.
    voted : Vote
        What the radii alone say.
    table : Path, optional
        Of the trees.
    threads : int, optional
        As many as there are cores unless given; the result does not depend on it.

    Returns
    -------
    float32 (h, w)
        Positive in focus, within [-8, 8]; 0 where nothing speaks for either.
    """
    passes = read_table(table)
    texture = local_texture(luminance, evidence.spacing)
    numbers = local_numbers(evidence, texture, color, voted, luminance.shape, threads=threads)
    known = dict(zip(LOCAL_NUMBERS, numbers, strict=True))
    log_odds = sum_of_trees(passes[0], _in_order(known, passes[0]), threads=threads)
    for trees in passes[1:]:
        known.update(zip(CONTEXT_NUMBERS, context_numbers(log_odds, color), strict=True))
        log_odds = sum_of_trees(trees, _in_order(known, trees), threads=threads)
    return np.clip(log_odds, -_LIMIT, _LIMIT)


def _in_order(known: dict[str, NDArray[np.float32]], trees: Trees) -> NDArray[np.float32]:
    """Return the numbers that a sum of trees asks for, float32 (F, h, w)."""
    return np.stack([known[name] for name in trees.names])
