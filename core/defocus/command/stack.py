"""Stack: what the command of that name does: a focus stack's sharpest slice, composite and height map."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from defocus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["stack_pictures"]

_LEAST = 2  # pictures of a stack
_ACCURACY = 20  # parts of a px to which a shift is found


def stack_pictures(files: list[Path], output: Path, *, align: bool, max_pixels: int, overwrite: bool) -> list[Path]:
    """Write what a focus stack's blur maps say together; return the places of the results.

    Parameters
    ----------
    files : list of Path
        Pictures of one size, in the order of their focus.
    output : Path
        Folder for ``composite.png``, ``height.tif`` (in slices, float32), ``index.png`` (the slice that each pixel was
        taken from) and ``curve.csv`` (share in focus and median radius of each).
    align : bool
        Whether pictures may be shifted against each other.
    max_pixels : int
        A file with more is refused.
    overwrite : bool

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If there are fewer than two pictures, they differ in size, or a result is there and may not be replaced.
    """
    import numpy as np
    from PIL import Image

    from defocus.analysis import analyze
    from defocus.effects.focus_stack import composite, focus_curve, height_map
    from defocus.pictures.files import refuse_existing, write_blur_map, write_picture, written_whole
    from defocus.pictures.metadata import read_metadata
    from defocus.pictures.picture import load_image

    if len(files) < _LEAST:
        raise InputError("a focus stack needs two pictures at least")
    places = [output / name for name in ("composite.png", "height.tif", "index.png", "curve.csv")]
    taken = [place for place in places if place.exists()]
    if taken and not overwrite:
        raise refuse_existing(taken[0])
    pictures = [load_image(file, max_pixels=max_pixels) for file in files]
    for file, picture in zip(files, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            height, width = pictures[0].shape
            raise InputError(f"{file.name}: differs in size from {files[0].name}, {width} x {height} px")
    colors = [picture.color for picture in pictures]
    if align:
        colors = _aligned(colors, [picture.luminance for picture in pictures])
    analyses = [analyze(color) for color in colors]
    radii = np.stack([one.blur_map() for one in analyses])
    sure = np.stack([one.confidence for one in analyses])
    heights = height_map(radii, sure)
    whole = composite(np.stack(colors), heights)
    threshold = float(np.median([one.threshold for one in analyses]))
    curve = focus_curve(radii, sure, threshold)
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["slice", "input", "in_focus_share", "radius_px_median", "sharpest"])
    for z, file in enumerate(files):
        share, median = float(curve.in_focus_share[z]), float(curve.median_radius[z])
        writer.writerow([z, file, round(share, 5), round(median, 4), int(z == curve.sharpest)])
    depth = min(max(picture.bit_depth for picture in pictures), 16)
    gray = all(picture.gray for picture in pictures)
    values: NDArray[Any] = whole[..., 0] if gray else whole
    said = read_metadata(files[curve.sharpest])
    write_picture(places[0], values, bit_depth=depth, overwrite=overwrite, metadata=said)
    write_blur_map(places[1], heights, overwrite=overwrite)
    nearest = np.rint(heights).astype(np.uint8 if len(files) <= 256 else np.uint16)
    with written_whole(places[2], overwrite=overwrite) as beside:
        Image.fromarray(nearest).save(beside)
    with written_whole(places[3], overwrite=overwrite) as beside:
        beside.write_text(buffer.getvalue(), encoding="utf-8", errors="surrogateescape", newline="")
    return places


def _aligned(colors: list[NDArray[Any]], grays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return pictures that were shifted as each differs from the one before, by the phase of their spectra."""
    import numpy as np
    from scipy import ndimage

    try:
        from skimage.registration import phase_cross_correlation
    except ImportError as error:
        raise InputError("--align needs scikit-image: pip install scikit-image") from error
    moved, total = [colors[0]], np.zeros(2)
    for before, gray, color in zip(grays, grays[1:], colors[1:], strict=False):
        shift = phase_cross_correlation(before, gray, upsample_factor=_ACCURACY)[0]  # type: ignore[no-untyped-call]
        total = total + shift
        moved.append(ndimage.shift(color, (*total, 0), order=1, mode="nearest").astype(np.float32))
    return moved
