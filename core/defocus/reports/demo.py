"""The demo: everything on the sample pictures, on one page that opens without a network."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from rich.console import Console

from defocus.analysis import analyze, blur_map
from defocus.culling.bursts import rank
from defocus.culling.sharpness import sharpness_of_file
from defocus.culling.sheet import write_sheet
from defocus.errors import InputError
from defocus.evidence.octaves import local_evidence
from defocus.paper.search import candidates
from defocus.parameters import AnalysisParameters
from defocus.pictures.files import written_whole
from defocus.pictures.intensity import whole_numbers
from defocus.pictures.picture import as_picture, load_image
from defocus.pictures.render import contact_sheet, mask_overlay, with_scale
from defocus.psf.simulation import ramp, simulate_blur
from defocus.shipped import shipped_folder
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["run"]

_LARGEST = 8.0  # px: end of the scales
_PHOTOGRAPHS = ("flower.jpg", "coffee.jpg", "cat.jpg", "china.jpg")
_SYNTHETIC = ("ramp", "object", "cells", "uniform")
_TEXTURE = "grass.png"
_ORDINARY = ("china.jpg", "coffee.jpg")


def run(output: Path, samples: Path | None = None) -> None:
    """Analyse the sample pictures, print the paper's two key experiments, write the pages and their sheet.

    Parameters
    ----------
    output : Path
        Folder for the results.
    samples : Path, optional
        Folder of sample pictures; that of the source tree unless given.

    Raises
    ------
    InputError
        If the sample pictures are not there.
    """
    folder = samples or shipped_folder("sample_data", _TEXTURE)
    if not (folder / _TEXTURE).exists():
        raise InputError(f"{folder}: no sample pictures here; they come with the source tree (use --samples FOLDER)")
    console = Console(soft_wrap=True)
    with console.status("compiling for this machine (once), then measuring ..."):
        rows = [_photograph(folder / name) for name in _PHOTOGRAPHS]
        rows += [_synthetic(folder, stem) for stem in _SYNTHETIC]
        lines = _experiments(folder)
        pictures = [folder / name for name in (*_PHOTOGRAPHS, *(f"{stem}.png" for stem in _SYNTHETIC))]
        judged = [(file, sharpness_of_file(file).facts()) for file in pictures]
    for line in lines:
        console.print(line, highlight=False)
    sheet = contact_sheet(rows)
    with written_whole(output / "contact_sheet.png") as beside:
        sheet.save(beside)
    with written_whole(output / "index.html") as beside:
        beside.write_text(_page(rows, lines), encoding="utf-8")
    write_sheet(output / "culled.html", sorted(judged, key=lambda row: rank(row[1])), overwrite=True)
    console.print(f"open {output / 'index.html'}")


def _photograph(file: Path) -> tuple[str, list[tuple[str, Image.Image]]]:
    """Picture, blur map and mask of a photograph."""
    picture = load_image(file)
    analysis = analyze(picture)
    mask = analysis.focus_mask()
    return file.name, [
        ("picture", _image(picture.color)),
        ("blur map", with_scale(analysis.blur_map(), _LARGEST)),
        (
            f"in focus: {100 * mask.mean():.0f} % (radius up to {analysis.threshold:.2f} px)",
            Image.fromarray(mask_overlay(picture.color, mask)),
        ),
        ("confidence of the map", _image(analysis.confidence)),
    ]


def _synthetic(folder: Path, stem: str) -> tuple[str, list[tuple[str, Image.Image]]]:
    """Picture, true map, estimated map and error of a picture whose blur is known."""
    picture = load_image(folder / f"{stem}.png")
    truth = np.asarray(Image.open(folder / f"{stem}_radius.tif"), np.float32)
    noise = _noise(stem)
    analysis = analyze(picture, noise=noise, psf="disc")
    known = analysis.known
    # Nothing is said of the ground between cells
    radius = analysis.blur_map(unknown="nan" if analysis.kind == "fluorescence" else "drawn")
    error = np.where(known, np.abs(radius - truth), np.nan)
    where = "" if known.all() else f" where known ({known.mean():.0%})"
    return f"{stem}.png (simulated; --psf disc --noise {noise:g} given)", [
        ("picture", _image(picture.color)),
        ("true blur map", with_scale(truth, _LARGEST)),
        ("estimated blur map" + (", grey: not known" if where else ""), with_scale(radius, _LARGEST)),
        (
            f"error{where}: mean {error[known].mean():.2f}, median {np.median(error[known]):.2f} px",
            with_scale(error, 2.0, "error (px)"),
        ),
    ]


def _noise(stem: str) -> float:
    """Return the noise variance that sample_data/make.py gave a picture."""
    return {"uniform": 1e-4, "ramp": 1e-6, "object": 1e-5, "cells": 2e-5}[stem]


def _experiments(folder: Path) -> list[str]:
    """Figures 8 and 5 of the paper, as lines of text."""
    lines = ["Fig. 8, radius rising from 0 to 8 px, noise variance 1e-6 (paper: MSE of the map 0.022):"]
    lines += [
        f"  {name}: MSE {_ramp_error(load_image(folder / name).luminance):.3f} px^2" for name in (_TEXTURE, *_ORDINARY)
    ]
    lines.append("Fig. 5, uniform disc of 5 px, noise variance 1e-4: share of pixels within 0.3 px of it:")
    parameters = AnalysisParameters(noise=1e-4, sensor_blur=0.0, spacing=4)
    for name in (_TEXTURE, *_ORDINARY):
        blurred = simulate_blur(load_image(folder / name).luminance, 5.0, noise=1e-4)
        evidence = local_evidence(as_picture(blurred), parameters, TUNING.evidence)
        found, _ = candidates(evidence.energies, evidence.spectra, 1e-4)
        near = np.abs(found - 5) <= 0.3
        best, three = 100 * near[..., 0].mean(), 100 * near.any(2).mean()
        lines.append(f"  {name}: best candidate {best:.0f} %, best of three {three:.0f} %")
    return lines


def _ramp_error(luminance: NDArray[np.float32]) -> float:
    """Mean squared error of the map in px^2 for a picture blurred more and more along x."""
    truth = ramp(luminance.shape)
    found = blur_map(simulate_blur(luminance, truth, noise=1e-6), noise=1e-6)
    return float(((found - truth) ** 2).mean())


def _image(values: NDArray[Any]) -> Image.Image:
    return Image.fromarray(whole_numbers(values, "uint8")).convert("RGB")


def _page(rows: list[tuple[str, list[tuple[str, Image.Image]]]], lines: list[str]) -> str:
    """Return a page that holds its own pictures."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>defocus demo</title>",
        "<style>body{font:16px system-ui,sans-serif;margin:2em auto;max-width:1500px;padding:0 1em;color:#222}",
        ".row{display:grid;grid-template-columns:repeat(4,1fr);gap:12px}figure{margin:0}img{width:100%}",
        "figcaption{font-size:14px;color:#555}pre{background:#f4f4f4;padding:1em}</style>",
        "<h1>How far out of focus is each pixel?</h1>",
        "<p>Each map is measured from the one picture on its left: dark is in focus, yellow is blurred by a disc of "
        "8 px. In the masks, what is out of focus is dimmed and blue.</p>",
        "<p><a href='culled.html'>The same pictures as <code>defocus cull --sheet</code> judges and boxes them</a></p>",
    ]
    for title, pictures in rows:
        parts.append(f"<h2>{html.escape(title)}</h2><div class=row>")
        for text, image in pictures:
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            data = base64.b64encode(buffer.getvalue()).decode()
            caption = html.escape(text)
            parts.append(f"<figure><img alt='{caption}' src='data:image/png;base64,{data}'>")
            parts.append(f"<figcaption>{caption}</figcaption></figure>")
        parts.append("</div>")
    parts.append("<h2>Two experiments of the paper</h2><pre>" + html.escape("\n".join(lines)) + "</pre></html>")
    return "\n".join(parts)
