"""Stack: what the command of that name does: a focus stack's sharpest slice, composite and height map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defocus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.parameters import AnalysisParameters

__all__ = ["stack_pictures"]

_ACCURACY = 20  # parts of a px to which a shift is found


def stack_pictures(
    files: list[Path],
    output: Path,
    parameters: AnalysisParameters,
    *,
    align: bool,
    max_pixels: int,
    overwrite: bool,
) -> str:
    """Write what the slices of a focus stack say together; return what there is to say of the sharpest.

    Parameters
    ----------
    files : list of Path
        Pictures of one size in the order of their focus, or one TIFF that holds them.
    output : Path
        Folder for ``composite.png``, ``height.tif`` (in slices, float32), ``index.png`` (the slice that each pixel was
        taken from) and ``curve.csv`` (of each slice detail, share in focus, median radius).
    parameters : AnalysisParameters
    align : bool
        Whether pictures may be shifted against each other.
    max_pixels : int
        A file with more is refused.
    overwrite : bool

    Returns
    -------
    str

    Raises
    ------
    InputError
        If there are fewer than two pictures, they differ in size, or a result is there and may not be replaced.
    """
    import numpy as np
    from PIL import Image

    from defocus.effects.focus_stack import composite
    from defocus.measures import write_table
    from defocus.pictures.files import refuse_existing, write_blur_map, write_picture, written_whole
    from defocus.pictures.metadata import read_metadata
    from defocus.stack import curve_table, focus_over_z

    places = [output / name for name in ("composite.png", "height.tif", "index.png", "curve.csv")]
    taken = [place for place in places if place.exists()]
    if taken and not overwrite:
        raise refuse_existing(taken[0])
    slices, depth = _slices(files, max_pixels)
    if align:
        slices = _aligned(slices)
    found = focus_over_z(slices, parameters, source=files[0].name if len(files) == 1 else "the stack")
    said = None if len(files) == 1 else read_metadata(files[found.curve.sharpest or 0])
    whole = composite(np.stack(slices), found.heights)
    write_picture(places[0], whole, bit_depth=depth, overwrite=overwrite, metadata=said)
    write_blur_map(places[1], found.heights, overwrite=overwrite)
    nearest = np.rint(found.heights).astype(np.uint8 if len(slices) <= 256 else np.uint16)
    with written_whole(places[2], overwrite=overwrite) as beside:
        Image.fromarray(nearest).save(beside)
    write_table(places[3], curve_table(found.curve), overwrite=overwrite)
    return found.curve.verdict


def _slices(files: list[Path], max_pixels: int) -> tuple[list[NDArray[Any]], int]:
    """Return the slices, float32 in [0, 1] of one range, (H, W) where all are grey, and the bits to write them with."""
    import numpy as np

    from defocus.pictures.intensity import value_range
    from defocus.pictures.picture import load_image
    from defocus.pictures.reading import read_stack

    if len(files) == 1:
        stack = read_stack(files[0], max_pixels=max_pixels)
        low, high = value_range(stack.reshape(-1, stack.shape[-1]))
        grey = [np.clip((np.asarray(one, np.float32) - low) / (high - low), 0, 1).astype(np.float32) for one in stack]
        return grey, 8 if stack.dtype == np.uint8 else 16
    pictures = [load_image(file, max_pixels=max_pixels) for file in files]
    for file, picture in zip(files, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            height, width = pictures[0].shape
            raise InputError(f"{file.name}: differs in size from {files[0].name}, {width} x {height} px")
    gray = all(picture.gray for picture in pictures)
    colors = [np.ascontiguousarray(picture.color[..., 0]) if gray else picture.color for picture in pictures]
    return colors, min(max(picture.bit_depth for picture in pictures), 16)


def _aligned(slices: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return slices that were shifted as each differs from the one before, by the phase of their spectra."""
    import numpy as np
    from scipy import ndimage

    try:
        from skimage.registration import phase_cross_correlation
    except ImportError as error:
        raise InputError('--align needs the extra "stack": pip install "napari-defocus[stack]"') from error
    grays = [one if one.ndim == 2 else one.mean(axis=2) for one in slices]
    moved, total = [slices[0]], np.zeros(2)
    for before, gray, one in zip(grays, grays[1:], slices[1:], strict=False):
        shift = phase_cross_correlation(before, gray, upsample_factor=_ACCURACY)[0]  # type: ignore[no-untyped-call]
        total = total + shift
        moved.append(ndimage.shift(one, (*total, 0)[: one.ndim], order=1, mode="nearest").astype(np.float32))
    return moved
