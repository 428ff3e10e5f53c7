"""The faults: what is wrong in which file, and which tests should notice."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FAULTS", "Fault"]


class Fault(NamedTuple):
    """One deliberate fault.

    Attributes
    ----------
    name : str
    file : str
        Below ``core/defocus``.
    old, new : str
        What stands there once, and what is put in its place.
    tests : tuple of str
        Files below the project's root.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


_PICTURES = "tests/core/pictures/"
_EVIDENCE = "tests/core/evidence/"
_ANSWER = "tests/core/answer/"
_CUTS = "tests/core/cuts/"
_PSF = "tests/core/psf/"
_EFFECTS = "tests/core/effects/"
_WORKER = "tests/core/worker/"
_VARYING = "tests/core/psf/test_varying_blur.py"
_RESTORATION = "tests/core/effects/test_restoration.py"
_NATIVE = "tests/core/test_native.py"
_WHOLE = "tests/core/answer/test_answer.py"

FAULTS = (
    # pictures
    Fault(
        "luminance of equal channels",
        "pictures/picture.py",
        "[0.299, 0.587, 0.114]",
        "[0.333, 0.334, 0.333]",
        (_PICTURES + "test_picture.py",),
    ),
    Fault(
        "kind: dark ground is a photograph",
        "pictures/kind.py",
        'return ToldKind("fluorescence", shines)',
        'return ToldKind("photograph", shines)',
        (_PICTURES + "test_kind.py",),
    ),
    Fault(
        "kind: never doubted",
        "pictures/kind.py",
        "if 1 - shines < tuning.sure else",
        "if False else",
        (_PICTURES + "test_kind.py",),
    ),
    Fault(
        "kind: the ground may have any level",
        "pictures/kind.py",
        "> _EVEN * light.size",
        "> 0.2 * light.size",
        (_PICTURES + "test_kind.py",),
    ),
    Fault(
        "kind: hot pixels are beads",
        "pictures/kind.py",
        "np.minimum(light, np.maximum(wide[1:-1, 2:], wide[1:-1, :-2]))",
        "light.copy()",
        (_PICTURES + "test_kind.py",),
    ),
    Fault(
        "kind: few beads are none",
        "pictures/kind.py",
        "return max(_skewness((fine - coarse)[known]) - _SPECKLED, 0.0)",
        "return 0.0",
        (_PICTURES + "test_kind.py",),
    ),
    Fault(
        "stretched: by black alone",
        "pictures/stretched.py",
        "return LightLevels(low, low + max(high - low, _LEAST_NOISE * noise**0.5, 1e-6), noise, dark, growth)",
        "return LightLevels(0.0, 1.0, noise, dark, growth)",
        (_PICTURES + "test_stretched.py",),
    ),
    Fault(
        "stretched: noise becomes texture",
        "pictures/stretched.py",
        "_LEAST_NOISE = 32",
        "_LEAST_NOISE = 4",
        (_PICTURES + "test_stretched.py",),
    ),
    Fault(
        "stretched: photons' noise does not grow",
        "pictures/stretched.py",
        "ratio += np.float32(levels.growth / levels.noise)",
        "ratio += np.float32(0 * levels.growth)",
        (_PICTURES + "test_stretched.py",),
    ),
    Fault(
        "saturated: any peak is a plateau",
        "pictures/stretched.py",
        "count < _PLATEAU * max(below, 1)",
        "count < 0",
        (_PICTURES + "test_stretched.py",),
    ),
    Fault(
        "saturated pixels count",
        "pictures/stretched.py",
        "opacity = np.where(full, np.float32(0),",
        "opacity = np.where(full, np.float32(1),",
        (_PICTURES + "test_stretched.py",),
    ),
    Fault(
        "saturated: what is cut off tells the noise",
        "pictures/stretched.py",
        "dark, noise, growth = noise_line(luminance, whole)",
        "dark, noise, growth = noise_line(luminance, known)",
        ("tests/core/test_fluorescence.py",),
    ),
    Fault(
        "saturated: what is cut off is ground",
        "evidence/fluorescence.py",
        "shining=shining, cut_off=cut_off",
        "shining=shining, cut_off=np.zeros_like(cut_off)",
        (_WHOLE,),
    ),
    Fault(
        "bodies: as coarse as the samples",
        "answer/answer.py",
        "cells & (around > 0) & (chosen >= _HALF * around)",
        "chosen >= _HALF",
        ("tests/core/test_fluorescence.py",),
    ),
    Fault(
        "confidence: the ground's is mixed into that of bodies",
        "answer/answer.py",
        "np.divide(self.at_pixels(sure), around,",
        "np.divide(self.at_pixels(sure), 1,",
        ("tests/core/test_fluorescence.py",),
    ),
    Fault(
        "interpolation: one sample off",
        "pictures/sampling.py",
        "return first, (place - first).astype(np.float32)",
        "return first, (place - first).astype(np.float32) * 0",
        (_PICTURES + "test_sampling.py",),
    ),
    Fault(
        "edges ignored at full size",
        "pictures/sampling.py",
        "unlike += difference * difference",
        "unlike += np.float32(0) * difference",
        (_PICTURES + "test_sampling.py",),
    ),
    # psf
    Fault(
        "disc half a pixel small",
        "psf/families.py",
        "return _covered_area(radius, radius, lambda x, y: x * x + y * y <= radius * radius)",
        "return _covered_area(radius, radius, lambda x, y: x * x + y * y <= (radius - 0.5) * (radius - 0.5))",
        (_PSF + "test_families.py",),
    ),
    Fault(
        "simulated noise is its deviation", "psf/simulation.py", "noise**0.5", "noise", (_PSF + "test_simulation.py",)
    ),
    # evidence
    Fault(
        "one gradient direction",
        "evidence/likelihood.py",
        "for gradient in gradients:",
        "for gradient in gradients[:1]:",
        (_EVIDENCE + "test_likelihood.py",),
    ),
    Fault(
        "noise spectrum of one direction",
        "evidence/spectrum.py",
        "along_x.sum(axis=(1, 2)) + along_y.sum(axis=(1, 2))",
        "along_x.sum(axis=(1, 2))",
        (_EVIDENCE + "test_spectrum.py",),
    ),
    Fault(
        "channels without multiplicity",
        "evidence/spectrum.py",
        "count.astype(np.float32),",
        "np.ones_like(count, np.float32),",
        (_EVIDENCE + "test_spectrum.py", _EVIDENCE + "test_likelihood.py"),
    ),
    Fault(
        "Newton without correction",
        "evidence/likelihood.py",
        "value[i] + x * slope[i] + np.float32(0.5) * x * x * curvature[i]",
        "value[i] + np.float32(40) * x * slope[i]",
        (_EVIDENCE + "test_likelihood.py",),
    ),
    Fault(
        "noise does not shrink with the window",
        "evidence/likelihood.py",
        "floor[c, i] = noise[c] * fraction[source]",
        "floor[c, i] = noise[c]",
        (_EVIDENCE + "test_likelihood.py", _EVIDENCE + "test_octaves.py"),
    ),
    Fault(
        "noise estimate: the worst",
        "evidence/noise.py",
        "best = min((one for one in",
        "best = max((one for one in",
        (_EVIDENCE + "test_noise.py",),
    ),
    Fault(
        "noise of wide windows not reduced",
        "evidence/noise.py",
        "max(working - tuning.model_error, 0) / 4",
        "max(working - tuning.model_error, 0)",
        (_EVIDENCE + "test_noise.py",),
    ),
    Fault(
        "noise trusted as it is",
        "evidence/noise.py",
        "tuning.noise_trust * measured",
        "measured",
        (_EVIDENCE + "test_noise.py",),
    ),
    Fault(
        "octaves are not added",
        "evidence/octaves.py",
        "np.add(profile, found.profile, out=profile)",
        "found.profile",
        (_EVIDENCE + "test_octaves.py",),
    ),
    Fault(
        "transparent pixels carry evidence",
        "evidence/validity.py",
        "picture.alpha >= 0.5",
        "picture.alpha >= -1",
        (_EVIDENCE + "test_octaves.py",),
    ),
    Fault(
        "frames carry evidence",
        "evidence/validity.py",
        "[:lines] = False",
        "[:lines] = True",
        (_EVIDENCE + "test_octaves.py",),
    ),
    Fault(
        "fluorescence: all light is above the ground",
        "evidence/fluorescence.py",
        "above = smooth - ndimage.grey_opening(smooth, (side, side))",
        "above = smooth - smooth.min()",
        ("tests/core/test_fluorescence.py",),
    ),
    Fault(
        "fluorescence: nothing is larger than a window",
        "evidence/fluorescence.py",
        "(int(numbers.wide * window) | 1, numbers.part_of_wide_peak)",
        "(window, numbers.part_of_wide_peak)",
        ("tests/core/test_fluorescence.py",),
    ),
    Fault(
        "fluorescence: the ground is known",
        "evidence/fluorescence.py",
        "return _without_ground(found, known), chosen.psf",
        "return found, chosen.psf",
        ("tests/core/test_fluorescence.py",),
    ),
    # answer
    Fault(
        "features: no prior on contrast",
        "answer/features.py",
        "_CONTRAST = 0.75",
        "_CONTRAST = 0.0",
        (_ANSWER + "test_features.py",),
    ),
    Fault(
        "features: wide windows forgotten",
        "answer/features.py",
        "wide = None if evidence.wide is None else _of_wide_windows(evidence, scale)",
        "wide = None",
        (_ANSWER + "test_features.py",),
    ),
    Fault(
        "texture: the widest range",
        "answer/texture.py",
        "np.log(extent / steepest)",
        "np.log(extent)",
        (_ANSWER + "test_features.py",),
    ),
    Fault(
        "network: no shortcut",
        "answer/network.py",
        'return _point(x, weights, f"{name}.shortcut") + found',
        "return found",
        (_ANSWER + "test_network.py",),
    ),
    Fault(
        "network: the mirror image is not turned back",
        "answer/network.py",
        "said[2 * i + 1][:, :, ::-1]",
        "said[2 * i + 1]",
        (_ANSWER + "test_network.py",),
    ),
    Fault(
        "network: what lies beyond the border counts",
        "answer/network.py",
        "features * inside, inside[np.newaxis]",
        "features, inside[np.newaxis]",
        (_ANSWER + "test_network.py",),
    ),
    Fault(
        "aggregation crosses edges",
        "answer/aggregation.py",
        "down[1:] += np.float32(reach)",
        "down[1:] += np.float32(0)",
        (_ANSWER + "test_aggregation.py",),
    ),
    Fault(
        "aggregation in one direction",
        "answer/aggregation.py",
        "_along(samples, keep, top * width + width - 2, lines, width, width - 1, -1, -1)",
        "pass",
        (_ANSWER + "test_aggregation.py",),
    ),
    Fault(
        "fluorescence: bodies are tied across their ground",
        "answer/radii.py",
        "untie(fine_weights, bodies)",
        "untie(fine_weights, bodies | True)",
        (_ANSWER + "test_radii.py",),
    ),
    Fault(
        "fluorescence: the ground is of no body",
        "answer/radii.py",
        "found[nearest_known(bodies)]",
        "found[nearest_known(~bodies)]",
        (_ANSWER + "test_radii.py",),
    ),
    Fault(
        "blocks: photons of fluorescence have no noise",
        "dask.py",
        'light_levels(picture, counts=chosen.kind == "fluorescence")',
        "light_levels(picture, counts=False)",
        ("tests/core/test_dask.py",),
    ),
    Fault(
        "blocks: each has light of its own",
        "dask.py",
        "seen = stretched(picture, plane.levels)",
        'seen = stretched(picture, light_levels(picture, counts=plane.kind == "fluorescence"))',
        ("tests/core/test_dask.py",),
    ),
    Fault(
        "what was learned of radii does not count",
        "answer/radii.py",
        "np.float32(numbers.radius_nats) * learned.costs[rows]",
        "np.float32(0) * learned.costs[rows]",
        (_ANSWER + "test_radii.py",),
    ),
    Fault(
        "no parabola between radii",
        "answer/radii.py",
        "middle + np.clip(step, -1, 1)",
        "middle + 0 * step",
        (_ANSWER + "test_radii.py",),
    ),
    Fault(
        "sides of the prior exchanged",
        "answer/radii.py",
        "np.where(log_odds > 0, np.minimum",
        "np.where(log_odds < 0, np.minimum",
        (_ANSWER + "test_radii.py",),
    ),
    Fault(
        "no doubt about sides",
        "answer/radii.py",
        "np.exp(away * sure)",
        "np.exp(away)",
        (_ANSWER + "test_radii.py",),
    ),
    Fault(
        "network: steps of other outputs",
        "answer/network.py",
        'value *= stored[f"{name}.step"]',
        'value *= stored[f"{name}.step"][::-1]',
        (_ANSWER + "test_network.py",),
    ),
    Fault(
        "network: one of focus alone",
        "answer/network.py",
        'if name.startswith("focus")]',
        'if name.startswith("focus1")]',
        (_ANSWER + "test_network.py",),
    ),
    Fault(
        "threshold: evidence in focus counts alone",
        "answer/threshold.py",
        "- np.cumsum(inside) + np.cumsum(outside)",
        "- np.cumsum(inside)",
        (_ANSWER + "test_threshold.py",),
    ),
    Fault(
        "threshold strays freely",
        "answer/threshold.py",
        "tuning.pull * stray**2",
        "0 * stray**2",
        (_ANSWER + "test_threshold.py",),
    ),
    Fault(
        "mask: threshold of its own",
        "answer/answer.py",
        "np.log((threshold + _TIE + OFFSET)",
        "np.log((1.3 * threshold + _TIE + OFFSET)",
        (_WHOLE,),
    ),
    Fault(
        "noise is evidence",
        "answer/answer.py",
        "evidence.tells(tuning.evidence_nats)",
        "evidence.tells(0)",
        (_WHOLE,),
    ),
    Fault(
        "saturation is not counted",
        "answer/answer.py",
        "self._saturated_fraction <= self.tuning.evidence.most_saturated",
        "self._saturated_fraction <= 2",
        (_WHOLE,),
    ),
    Fault(
        "hints do not move the map",
        "answer/answer.py",
        "radius[gained] = np.minimum(",
        "radius[gained] = np.maximum(",
        (_WHOLE,),
    ),
    Fault(
        "the prior speaks of microscopes, too",
        "answer/answer.py",
        'if self.kind == "photograph" and self.has_evidence',
        "if self.has_evidence",
        (_WHOLE,),
    ),
    Fault(
        "hints are weak", "answer/boundary.py", "_SURE = 1e6", "_SURE = 1e-3", (_WHOLE, "tests/core/test_analysis.py")
    ),
    Fault(
        "a boundary costs less on finer grids",
        "answer/boundary.py",
        "tuning.evidence.samples)",
        "10**9)",
        (_ANSWER + "test_boundary.py",),
    ),
    Fault(
        "matte without colours", "answer/matte.py", "detail * (i == j)", "1e6 * (i == j)", (_ANSWER + "test_matte.py",)
    ),
    # cuts
    Fault(
        "weights ignore colour",
        "cuts/neighbors.py",
        "np.exp(squared * np.float32(-0.5 / edge_scale**2))",
        "np.exp(squared * np.float32(0))",
        (_CUTS + "test_labeling.py", _CUTS + "test_grid_cut.py"),
    ),
    Fault(
        "Huber is quadratic",
        "cuts/refinement.py",
        "np.maximum(np.abs(result[here] - result[there]), np.float32(_SMOOTH))",
        "np.float32(_SMOOTH)",
        (_CUTS + "test_refinement.py",),
    ),
    Fault(
        "labels jump up only",
        "cuts/labeling.py",
        "for sign in (1, -1)",
        "for sign in (1, 1)",
        (_CUTS + "test_labeling.py",),
    ),
    Fault(
        "a radius is shared by more than two centres",
        "answer/network.py",
        "np.maximum(1 - np.abs(",
        "np.maximum(2 - np.abs(",
        (_ANSWER + "test_network.py",),
    ),
    Fault(
        "confidence: radii in the middle are told no better",
        "answer/confidence.py",
        "out[..., 2] = place * place",
        "out[..., 2] = place",
        (_ANSWER + "test_confidence.py",),
    ),
    Fault(
        "confidence: what tells nothing counts among the windows around",
        "answer/confidence.py",
        "costs * judged[..., np.newaxis]",
        "costs",
        (_ANSWER + "test_confidence.py",),
    ),
    # shape of the blur
    Fault(
        "shape: the better fit is believed",
        "evidence/shape.py",
        "if alike:",
        "if True:",
        (_EVIDENCE + "test_shape.py",),
    ),
    Fault(
        "shape: never a disc",
        "evidence/shape.py",
        "if gain <= numbers.disc_gain or beyond:",
        "if True:",
        (_EVIDENCE + "test_shape.py",),
    ),
    Fault(
        "shape: the ground has a say",
        "evidence/shape.py",
        " & gaussian.at_samples(shining)",
        "",
        (_EVIDENCE + "test_shape.py",),
    ),
    # rims of masks
    Fault(
        "edge: moves the other way",
        "worker/edge.py",
        "here + length * inward",
        "here - length * inward",
        (_WORKER + "test_edge.py",),
    ),
    Fault(
        "edge: whole pixels only",
        "worker/edge.py",
        "(*range(1, math.floor(shift) + 1), shift)",
        "range(1, math.floor(shift) + 1)",
        (_WORKER + "test_edge.py",),
    ),
    Fault(
        "edge: large masks in parts without what lies beside",
        "worker/edge.py",
        "margin = math.ceil(shift) + _BEYOND",
        "margin = 0",
        (_WORKER + "test_edge.py",),
    ),
    Fault(
        "edge: contrast moves the middle",
        "worker/edge.py",
        "* np.float32(contrast) + np.float32(0.5)",
        "* np.float32(contrast) + np.float32(0.4)",
        (_WORKER + "test_edge.py",),
    ),
    Fault(
        "edge: found anew everywhere",
        "worker/edge.py",
        "np.where(band, contrasted(found, _CONTRAST), mask)",
        "contrasted(found, _CONTRAST)",
        (_WORKER + "test_edge.py",),
    ),
    Fault(
        "edge: a hard cut-out keeps the background",
        "worker/edge.py",
        "mask if soft.any() else",
        "mask if True else",
        (_WORKER + "test_edge.py",),
    ),
    # focus over time
    Fault(
        "time: a range for each slice",
        "timelapse.py",
        "limits=limits)",
        "limits=ranges[z])",
        ("tests/core/test_timelapse.py",),
    ),
    Fault(
        "time: the first time that is known",
        "timelapse.py",
        "np.abs(known - time).argmin()",
        "0",
        ("tests/core/test_timelapse.py",),
    ),
    Fault(
        "time: windows leave the stack",
        "timelapse.py",
        "int(np.clip(nearest - around, 0, depth - count))",
        "int(nearest - around)",
        ("tests/core/test_timelapse.py",),
    ),
    # OME-Zarr
    Fault(
        "zarr: the scale of the whole picture alone",
        "pictures/omezarr.py",
        "_size(axis, first * second)",
        "_size(axis, first)",
        (_PICTURES + "test_omezarr.py",),
    ),
    Fault(
        "zarr: height and width of pixels exchanged",
        "pictures/omezarr.py",
        'PixelSize(sizes["Y"], sizes["X"]',
        'PixelSize(sizes["X"], sizes["Y"]',
        (_PICTURES + "test_omezarr.py",),
    ),
    Fault(
        "zarr: the coarsest resolution",
        "pictures/omezarr.py",
        'image["datasets"][0]',
        'image["datasets"][-1]',
        (_PICTURES + "test_omezarr.py",),
    ),
    Fault(
        "zarr: the whole array is loaded for a plane",
        "pictures/omezarr.py",
        "np.asarray(self.array[index] if index else self.array[...])",
        "np.asarray(self.array[...])[index]",
        (_PICTURES + "test_omezarr.py",),
    ),
    # maps that people bring along
    Fault(
        "map file: any array of many",
        "effects/map_file.py",
        "held.files[0] if len(held.files) == 1 else None",
        "held.files[0]",
        (_EFFECTS + "test_map_file.py",),
    ),
    Fault(
        "map file: bombs are unpacked",
        "effects/map_file.py",
        "> _OF_PIXEL * pixels + _HEAD",
        "> 2**60",
        (_EFFECTS + "test_map_file.py",),
    ),
    Fault(
        "map file: the first of several channels",
        "effects/map_file.py",
        "values.shape[2] == 1",
        "values.shape[2] >= 1",
        (_EFFECTS + "test_map_file.py",),
    ),
    # code that travels with the package
    Fault(
        "native: damaged code is run",
        "native.py",
        "if content[:head] == _TAG + hashlib.sha256(code).digest():",
        "if content:",
        (_NATIVE,),
    ),
    Fault(
        "native: what a kernel calls may change",
        "compiled.py",
        "[kernel.stamp for _, kernel in self.called()]",
        "[]",
        (_NATIVE,),
    ),
    Fault(
        "native: any layout will do",
        "native.py",
        'layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"',
        'layout = "C"',
        (_NATIVE,),
    ),
    Fault(
        "native: code is made anew each time",
        "native.py",
        "    if code is None:\n        code = optimized",
        "    if True:\n        code = optimized",
        (_NATIVE,),
    ),
    Fault(
        "varying blur: nothing stands in front",
        "psf/varying_blur.py",
        ": self.shape[1]] >= self._limit] = 0",
        ": self.shape[1]] >= 0] = 0",
        (_VARYING,),
    ),
    Fault(
        "varying blur: the adjoint spreads by the lower kernel",
        "psf/varying_blur.py",
        "above = more * pictures[c, y, x]",
        "above = np.float32(0) * pictures[c, y, x]",
        (_VARYING,),
    ),
    Fault(
        "restoration: windows one cell too far",
        "effects/map_error.py",
        "(size - _WINDOW - 1) // _HOP + 1",
        "(size - _WINDOW) // _HOP + 1",
        (_RESTORATION,),
    ),
    Fault(
        "restoration: belief half a cell off",
        "effects/map_error.py",
        "(np.arange(size) + 0.5) / _HOP - 0.5",
        "(np.arange(size) + 0.5) / _HOP + 0.5",
        (_RESTORATION,),
    ),
    Fault(
        "restoration: coarse changes are not enlarged by what lies between",
        "effects/restoration.py",
        "_enlarged(result, factor // level.factor, change.shape)",
        "_enlarged(result, factor, change.shape)",
        (_RESTORATION,),
    ),
    Fault(
        "restoration: one tile is left out of its neighbour's overlap",
        "effects/restoration.py",
        "weight[slice(*rows), slice(*columns)] += fade",
        "weight[slice(*rows), slice(*columns)] = fade",
        (_RESTORATION,),
    ),
    Fault(
        "more background blur: tiles that blend at the same time",
        "effects/magnification.py",
        "groups if eye else [corners]",
        "groups[:1] if eye else [corners]",
        ("tests/core/effects/test_magnification.py", "tests/core/effects/test_iris.py"),
    ),
    Fault(
        "grain: measured elsewhere",
        "effects/light.py",
        "column_of[corners[:, 1, np.newaxis] + across]",
        "column_of[corners[:, 0, np.newaxis] + across]",
        ("tests/core/effects/test_magnification.py",),
    ),
    Fault(
        "lamps: the highest channel tells",
        "effects/light.py",
        "bright = np.minimum(bright, color[..., 1])",
        "bright = np.maximum(bright, color[..., 1])",
        ("tests/core/effects/test_magnification.py",),
    ),
    Fault(
        "long parts: never told to stop",
        "parallel.py",
        "            stopped.set()\n            raise\n\n    def one",
        "            raise\n\n    def one",
        ("tests/core/test_parallel.py",),
    ),
)
