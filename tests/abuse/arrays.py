"""Odd arrays and parameters, by hypothesis."""

from __future__ import annotations

import hypothesis
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import defocus

PATIENT = hypothesis.settings(deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))
NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.sampled_from(["auto", "", "disc", "x", None, True, float("nan"), 10**400, 40.6, 41.0, [], b"41"]),
)
DTYPES = ["bool", "u1", "i1", "<u2", ">u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">f8", "longdouble", "c8"]
SHAPES = st.one_of(
    st.tuples(st.integers(0, 20), st.integers(0, 20)),
    st.tuples(st.integers(0, 14), st.integers(0, 14), st.integers(0, 5)),
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=6),
)
ARRAYS = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(np.dtype(dtype), SHAPES))
FIELDS = ["window", "noise", "max_radius", "spacing", "psf", "blades", "rotation", "sensor_blur", "method"]
PARAMETERS = st.dictionaries(st.sampled_from(FIELDS), NUMBERS, max_size=3)


def measure(array: np.ndarray, parameters: dict[str, object]) -> bool:
    """Measure an array: return whether there was a result, which must be one; False for a refusal in one line."""
    try:
        picture = defocus.as_picture(array)
        assert np.isfinite(picture.color).all()
        assert picture.color.min() >= 0
        assert picture.color.max() <= 1
        assert picture.alpha is None or (picture.alpha.min() >= 0 and picture.alpha.max() <= 1)
        usual = {"window": 9, "max_radius": 2.0, "noise": 1e-4}
        analysis = defocus.analyze(picture, **{**usual, **parameters})  # type: ignore[arg-type]
        radius, mask = analysis.blur_map(), analysis.focus_mask()
        assert radius.shape == mask.shape == picture.shape
        assert np.isfinite(radius).all()
        assert radius.min() >= 0
        assert radius.max() <= analysis.max_radius + 1e-5
    except defocus.DefocusError as error:
        text = str(error)
    else:
        return True
    assert "\n" not in text
    assert len(text) < 400
    return False
