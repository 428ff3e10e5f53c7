"""Make the documentation's pictures of the GIMP plug-in, from a real GIMP: ``python tests/gimp/screenshots.py``.

The same keys are pressed as in the tests. Takes a photograph to work on (default: a flower of ``sample_data``) and the
folder for the pictures (default: ``docs/images``).
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PICTURES = {"dialog": "gimp-dialog", "marks": "gimp-marks", "result": "gimp-result", "map": "gimp-blur-map"}


def main(arguments: list[str]) -> None:
    """Make the pictures."""
    specification = importlib.util.spec_from_file_location("gimp_conftest", HERE / "conftest.py")
    conftest = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(conftest)
    photograph = Image.open(arguments[0] if arguments else PROJECT / "sample_data" / "flower.jpg").convert("RGB")
    target = Path(arguments[1]) if len(arguments) > 1 else PROJECT / "docs" / "images"
    photograph.thumbnail((700, 560))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        gimp = conftest.installed_gimp(folder)
        photograph.save(folder / "photograph.png")
        batch = conftest.Batch(gimp, "window", window=True, timeout=300, DEFOCUS_TEST_PICTURE="photograph.png")
        target.mkdir(parents=True, exist_ok=True)
        for name, written in PICTURES.items():
            picture = Image.open(folder / f"window-{name}.png").convert("RGB")
            if name == "result":
                picture = picture.crop((0, 0, 1242, 884))
            picture.quantize(256, dither=Image.Dither.NONE).save(target / f"{written}.png", optimize=True)
            print(f"wrote {target / written}.png")
        failed = [name for name, check in batch.checks.items() if "error" in check]
        if failed:
            sys.exit(f"GIMP did not do as it was told: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
