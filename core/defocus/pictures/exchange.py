"""Exchange: pictures with a mask, and maps, in the formats in which editors and compositors take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.pictures.files import written_whole
from defocus.pictures.intensity import whole_numbers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["require_exr", "require_psd", "write_exr", "write_psd", "write_tiff_with_mask"]

_PSD_SIDE = 30000  # px, by the format


def require_psd() -> Any:
    """Return the package that writes PSD files.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import psd_tools
    except ImportError as error:
        raise InputError('--psd needs the extra "psd": pip install "napari-defocus[psd]"') from error
    return psd_tools


def require_exr() -> Any:
    """Return the package that writes OpenEXR files.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import OpenEXR
    except ImportError as error:
        raise InputError('--exr needs the extra "exr": pip install "napari-defocus[exr]"') from error
    return OpenEXR


def write_psd(
    path: Path,
    values: NDArray[np.floating],
    mask: NDArray[np.floating],
    *,
    name: str,
    bit_depth: int,
    overwrite: bool,
    profile: bytes | None,
) -> None:
    """Write a picture as a PSD file of one layer with a layer mask.

    Parameters
    ----------
    path : Path
    values : float (H, W, C)
        In [0, 1]; grey, grey and alpha, RGB or RGBA.
    mask : float (H, W)
        In [0, 1]; 1 shows the layer.
    name : str
        Of the layer.
    bit_depth : {8, 16}
        Bits per channel.
    overwrite : bool
        See `written_whole`.
    profile : bytes or None
        ICC profile of the colours.

    Raises
    ------
    InputError
        If the picture is larger than the format allows.
    """
    psd_tools = require_psd()
    from PIL import Image
    from psd_tools.constants import Resource
    from psd_tools.psd.image_resources import ImageResource

    height, width = mask.shape
    if max(height, width) > _PSD_SIDE:
        raise InputError(f"{path.name}: PSD holds {_PSD_SIDE} px at most on a side, not {width} x {height}")
    document = psd_tools.PSDImage.new("L" if values.shape[2] < 3 else "RGB", (width, height), depth=bit_depth)
    if profile is not None:
        document.image_resources[Resource.ICC_PROFILE] = ImageResource(key=Resource.ICC_PROFILE.value, data=profile)
    layer = document.create_pixel_layer_from_array(whole_numbers(values, f"uint{bit_depth}"), name=name)
    layer.create_mask(Image.fromarray(whole_numbers(mask, "uint8")))
    with written_whole(path, overwrite=overwrite) as beside:
        document.save(beside)


def write_tiff_with_mask(
    path: Path,
    values: NDArray[np.floating],
    mask: NDArray[np.floating],
    *,
    bit_depth: int,
    overwrite: bool,
    profile: bytes | None,
) -> None:
    """Write a picture as a TIFF with the mask as one channel more, which is not its opacity.

    Parameters
    ----------
    path : Path
    values : float (H, W, C)
        In [0, 1]; grey, grey and alpha, RGB or RGBA.
    mask : float (H, W)
        In [0, 1].
    bit_depth : {8, 16}
        Bits per channel.
    overwrite : bool
        See `written_whole`.
    profile : bytes or None
        ICC profile of the colours.
    """
    import tifffile

    channels = values.shape[2]
    extra = (["unassalpha"] if channels in (2, 4) else []) + ["unspecified"]
    with written_whole(path, overwrite=overwrite) as beside:
        tifffile.imwrite(
            beside,
            whole_numbers(np.dstack([values, mask]), f"uint{bit_depth}"),
            photometric="minisblack" if channels < 3 else "rgb",
            planarconfig="contig",
            extrasamples=extra,
            compression="zlib",
            predictor=True,
            iccprofile=profile,
            metadata=None,
        )


def write_exr(path: Path, values: NDArray[np.floating], *, overwrite: bool) -> None:
    """Write a map as an OpenEXR file of one channel, Y, of 32-bit floats.

    Parameters
    ----------
    path : Path
    values : float (H, W)
    overwrite : bool
        See `written_whole`.
    """
    openexr = require_exr()
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    with written_whole(path, overwrite=overwrite) as beside:
        openexr.File(header, {"Y": np.ascontiguousarray(values, np.float32)}).write(str(beside))
