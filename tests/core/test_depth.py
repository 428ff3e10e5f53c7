"""Depth: px per um from a stack of beads, compared with cones of light whose slope is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from scipy import ndimage, signal

from defocus.command.line import app
from defocus.depth import DepthScale, bead_radii, calibrate_depth, depth_scale, load_depth_scale
from defocus.errors import InputError
from defocus.psf import DiscPSF

_SPACING, _SLOPE, _FOCUS = 0.5, 4.0, 2.7


def run(*arguments):
    """Run a command in this process; return its exit code."""
    return app([str(item) for item in arguments], result_action="return_value", exit_on_error=False)


def beads(radius, *, seed=0, shape=(220, 240)):
    """Counts of small beads 60 px apart, blurred to a disc of some radius."""
    rng = np.random.default_rng(seed)
    field = np.zeros(shape)
    for y in range(40, shape[0] - 30, 60):
        for x in range(40, shape[1] - 30, 60):
            field[y + rng.integers(-5, 6), x + rng.integers(-5, 6)] = rng.uniform(0.5, 1)
    light = ndimage.gaussian_filter(field, 0.7)
    if radius > 0.5:
        light = signal.fftconvolve(light, DiscPSF().kernel(radius), mode="same")
    return (100 + rng.poisson(10 + 60_000 * np.maximum(light, 0))).astype(np.uint16)


@pytest.fixture(scope="module")
def stack():
    return np.stack([beads(_SLOPE * abs(z * _SPACING - _FOCUS), seed=0) for z in range(12)])


def test_discs_of_known_radius_are_measured():
    found = bead_radii(np.stack([beads(radius) for radius in (3.0, 6.0, 10.0, 14.0)]))
    assert found == pytest.approx([3.0, 6.0, 10.0, 14.0], abs=0.5)


def test_the_slope_of_the_cone_and_the_plane_of_focus_are_found(stack):
    scale, radii = calibrate_depth(stack, _SPACING)
    assert len(radii) == len(stack)
    assert scale.px_per_um == pytest.approx(_SLOPE, rel=0.05)
    assert scale.focus_um == pytest.approx(_FOCUS, abs=0.1)
    assert scale.scatter_px < 0.5
    away = np.abs(np.arange(len(stack)) * _SPACING - _FOCUS)
    assert scale.defocus(radii) == pytest.approx(away, abs=0.35)


def test_a_map_can_be_read_in_um():
    scale = DepthScale(4.0, 1.5, 0.0, 0.1)
    away = np.linspace(0, 3, 7)
    assert scale.defocus(scale.radius(away)) == pytest.approx(away, abs=1e-6)
    assert scale.defocus([0.0, 1.0]).tolist() == [0, 0]  # sharper than in focus


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s[:3], "4 slices at least"),
        (lambda s: np.full_like(s, 100), "no beads"),
        (lambda s: s[[5, 5, 5, 5]], "hardly changes"),
        (lambda s: s[7:], "both sides"),
        (lambda s: np.where(s > 1e4, np.nan, s.astype(float)), "NaN"),
    ],
)
def test_stacks_that_cannot_tell_are_refused_in_one_line(stack, change, reason):
    with pytest.raises(InputError, match=reason):
        calibrate_depth(change(stack), _SPACING)


def test_radii_without_evidence_have_no_say():
    z = np.arange(9.0)
    radii = np.hypot(2, 3 * (z - 4))
    radii[2] = np.nan
    scale = depth_scale(z, radii)
    assert (scale.px_per_um, scale.in_focus_px, scale.focus_um) == pytest.approx((3, 2, 4), abs=1e-3)
    with pytest.raises(InputError, match="do not belong"):
        depth_scale(z, radii[1:])


def test_the_command_calibrates_and_reads_maps_in_um(stack, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "beads.tif", stack)
    tifffile.imwrite(tmp_path / "slice.tif", stack[1])
    scale = tmp_path / "scope.json"
    assert run("calibrate", tmp_path / "beads.tif", "--spacing", _SPACING, "-o", scale) == 0
    assert "px per um" in capsys.readouterr().out
    known = load_depth_scale(scale)
    assert known.px_per_um == pytest.approx(_SLOPE, rel=0.05)
    assert run("map", tmp_path / "slice.tif", "-o", tmp_path, "--depth", scale) == 0
    radius, away = (tifffile.imread(tmp_path / f"slice_{name}.tif") for name in ("blur", "defocus"))
    assert away == pytest.approx(known.defocus(radius), abs=1e-4)


def test_files_that_hold_no_scale_are_told(tmp_path):
    file = tmp_path / "scope.json"
    for text in ("", "[]", "{}", json.dumps({"format": 1, "px_per_um": "x"}), json.dumps({"format": 9})):
        file.write_text(text)
        with pytest.raises(InputError, match=r"scope\.json"):
            load_depth_scale(file)
    with pytest.raises(InputError, match="No such file"):
        load_depth_scale(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"scope\.json"):  # before any picture is read
        run("map", tmp_path / "x.png", "-o", tmp_path, "--depth", file)
