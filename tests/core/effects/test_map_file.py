"""Maps that people bring along: read from files that other libraries wrote, and refused in one line that names them."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from defocus.effects.map_file import read_blur_map
from defocus.errors import InputError
from defocus.pictures.files import write_blur_map

RADII = np.linspace(0, 9.5, 12 * 17, dtype=np.float32).reshape(12, 17)


def _npz(path, **arrays):
    np.savez_compressed(path, **arrays)


@pytest.mark.parametrize(
    ("name", "write", "expected"),
    [
        ("own.tif", lambda path: write_blur_map(path, RADII), RADII),
        ("double.tiff", lambda path: tifffile.imwrite(path, RADII.astype(float)), RADII),
        ("float.tif", lambda path: Image.fromarray(RADII).save(path), RADII),
        ("deep.png", lambda path: Image.fromarray(RADII.astype(np.uint16)).save(path), np.floor(RADII)),
        ("eight.png", lambda path: Image.fromarray(RADII.astype(np.uint8)).save(path), np.floor(RADII)),
        ("one.npy", lambda path: np.save(path, RADII), RADII),
        ("one.npz", lambda path: _npz(path, anything=RADII), RADII),
        ("named.npz", lambda path: _npz(path, other=-RADII, radius=RADII), RADII),
    ],
)
def test_radii_are_read_as_they_were_written(tmp_path, name, write, expected):
    write(tmp_path / name)
    read = read_blur_map(tmp_path / name, (12, 17))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("missing.tif", lambda path: None, "cannot be read"),
        ("turned.tif", lambda path: write_blur_map(path, RADII.T), r"shape \(17, 12\), the picture \(12, 17\)"),
        ("negative.tif", lambda path: write_blur_map(path, RADII - 1), "negative radii"),
        ("gaps.tif", lambda path: write_blur_map(path, np.where(RADII > 9, np.nan, RADII)), "NaN"),
        ("color.png", lambda path: Image.new("RGB", (17, 12)).save(path), "one radius for each pixel"),
        ("two.npz", lambda path: _npz(path, a=RADII, b=RADII), "2 arrays"),
        ("words.npy", lambda path: path.write_text("no array"), "cannot be read as a file of NumPy's"),
        ("words.npz", lambda path: path.write_text("no array"), "cannot be read as a file of NumPy's"),
        ("objects.npy", lambda path: np.save(path, np.array([{}]), allow_pickle=True), "NumPy's"),
        ("mask.npy", lambda path: np.save(path, RADII > 1), "a mask"),
        ("huge.npy", lambda path: np.save(path, np.zeros((40, 40))), "more than the picture's 204 pixels"),
        ("bomb.npz", lambda path: _npz(path, radius=np.zeros((2000, 2000))), "far more than the picture's"),
    ],
)
def test_what_is_no_map_of_the_picture_is_refused_by_name(tmp_path, name, write, said):
    write(tmp_path / name)
    with pytest.raises(InputError, match=said) as caught:
        read_blur_map(tmp_path / name, (12, 17))
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)
