"""Stack: what the command of that name does: a focus stack's sharpest slice, composite and height map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defocus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.parameters import AnalysisParameters, MapParameters
    from defocus.pictures.part import Part
    from defocus.progress import Progress

__all__ = ["stack_pictures"]

_ACCURACY = 20  # parts of a px to which a shift is found


def stack_pictures(
    files: list[Path],
    output: Path,
    parameters: AnalysisParameters,
    map_parameters: MapParameters,
    *,
    align: bool,
    max_pixels: int,
    overwrite: bool,
    part: Part,
    around: int,
) -> str:
    """Write what the slices of a focus stack say together; return what there is to say of the sharpest.

    Of a series of stacks, one for each time, write the sharpest slice of each time.

    Parameters
    ----------
    files : list of Path
        Pictures of one size in the order of their focus, or one TIFF that holds them.
    output : Path
        Folder for ``composite.png``, ``height.tif`` (in slices, float32), ``index.png`` (the slice that each pixel was
        taken from) and ``curve.csv`` (of each slice detail, share in focus, median radius). Of a series
        ``sharpest.ome.tif`` (T, C, H, W) and ``focus.csv`` (of each time the sharpest slice, and how sharp it is).
    parameters : AnalysisParameters
    map_parameters : MapParameters
        With ``unknown="nan"`` the height is NaN where no slice tells it.
    align : bool
        Whether pictures may be shifted against each other.
    max_pixels : int
        A file with more is refused.
    overwrite : bool
    part : Part
        Of a file that holds several series or channels: which. Of a series of stacks all channels are written.
    around : int
        Of a series of stacks: so many slices before and after the sharpest.

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
    from defocus.pictures.files import write_blur_map, write_picture, written_whole
    from defocus.pictures.metadata import read_metadata
    from defocus.pictures.reading import is_series
    from defocus.stack import curve_table, focus_over_z

    if len(files) == 1 and is_series(files[0]):
        if align:
            raise InputError(f"{files[0].name}: --align shifts the pictures of one stack, not a series of stacks")
        return _over_time(files[0], output, parameters, max_pixels, overwrite=overwrite, part=part, around=around)
    if around:
        raise InputError("--around belongs to a series of stacks, one for each time")
    places = _places(output, ("composite.png", "height.tif", "index.png", "curve.csv"), overwrite=overwrite)
    slices, depth = _slices(files, max_pixels, part)
    if align:
        slices = _aligned(slices)
    name = files[0].name if len(files) == 1 else "the stack"
    found = focus_over_z(slices, parameters, map_parameters, source=name)
    said = None if len(files) == 1 else read_metadata(files[found.curve.sharpest or 0])
    whole = composite(np.stack(slices), found.heights)
    write_picture(places[0], whole, bit_depth=depth, overwrite=overwrite, metadata=said)
    shown = found.heights if map_parameters.unknown == "drawn" else np.where(found.known, found.heights, np.nan)
    write_blur_map(places[1], shown.astype(np.float32), overwrite=overwrite)
    nearest = np.rint(found.heights).astype(np.uint8 if len(slices) <= 256 else np.uint16)
    with written_whole(places[2], overwrite=overwrite) as beside:
        Image.fromarray(nearest).save(beside)
    write_table(places[3], curve_table(found.curve), overwrite=overwrite)
    return found.curve.verdict


def _over_time(
    file: Path,
    output: Path,
    parameters: AnalysisParameters,
    max_pixels: int,
    *,
    overwrite: bool,
    part: Part,
    around: int,
) -> str:
    """Write the sharpest slice of each time, by one channel, of all channels, and the table that tells of them."""
    import dataclasses

    import numpy as np
    import tifffile

    from defocus.command.tables import measured
    from defocus.measures import write_table
    from defocus.pictures.files import written_whole
    from defocus.pictures.intensity import value_range
    from defocus.pictures.part import chosen_channel
    from defocus.pictures.picture import as_picture
    from defocus.pictures.reading import read_pixel_size, read_series
    from defocus.pictures.tiff import ome_sizes
    from defocus.timelapse import drift_in_words, focus_over_time, of_frames, sharpest_slices

    places = _places(output, ("sharpest.ome.tif", "focus.csv"), overwrite=overwrite)
    series, names = read_series(file, max_pixels=max_pixels, part=part)
    one = chosen_channel(series.transpose(2, 0, 1, 3, 4), "CTZ", "C", names, file.name, part)
    limits = value_range(one.reshape(-1, one.shape[-1]))
    chosen = parameters

    def measure(time: int, z: int, _: Progress) -> dict[str, Any]:
        nonlocal chosen
        picture = as_picture(one[time, z], source=file.name, limits=limits)
        chosen = of_frames(chosen, picture)
        return measured(picture, chosen)

    table = focus_over_time(one, measure=measure, source=file.name)
    sharpest = sharpest_slices(series, table["sharpest"], z_axis=1, around=around)
    about: dict[str, Any] = {"axes": "TZCYX" if around else "TCYX"}
    if names:
        about["Channel"] = {"Name": names}
    size = read_pixel_size(file, dataclasses.replace(part, channel=None))
    if size is not None:
        known = {"X": size.x, "Y": size.y, "Z": size.z}
        about |= ome_sizes({axis: value for axis, value in known.items() if value is not None})
    with written_whole(places[0], overwrite=overwrite) as beside:
        tifffile.imwrite(
            beside,
            np.ascontiguousarray(sharpest),
            ome=True,
            photometric="minisblack",
            compression="zlib",
            metadata=about,
        )
    write_table(places[1], table, overwrite=overwrite)
    return drift_in_words(table)


def _places(output: Path, names: tuple[str, ...], *, overwrite: bool) -> list[Path]:
    """Return where results go; raise if one is there already and may not be replaced."""
    from defocus.pictures.files import refuse_existing

    places = [output / name for name in names]
    taken = [place for place in places if place.exists()]
    if taken and not overwrite:
        raise refuse_existing(taken[0])
    return places


def _slices(files: list[Path], max_pixels: int, part: Part) -> tuple[list[NDArray[Any]], int]:
    """Return the slices, float32 in [0, 1] of one range, (H, W) where all are grey, and the bits to write them with."""
    import numpy as np

    from defocus.pictures.intensity import value_range
    from defocus.pictures.picture import load_image
    from defocus.pictures.reading import read_stack

    if len(files) == 1:
        stack = read_stack(files[0], max_pixels=max_pixels, part=part)
        low, high = value_range(stack.reshape(-1, stack.shape[-1]))
        grey = [np.clip((np.asarray(one, np.float32) - low) / (high - low), 0, 1).astype(np.float32) for one in stack]
        return grey, 8 if stack.dtype == np.uint8 else 16
    pictures = [load_image(file, max_pixels=max_pixels, part=part) for file in files]
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
