"""A desktop in German has the plug-in in German."""

import pytest

from .conftest import Batch

pytestmark = [pytest.mark.gimp, pytest.mark.slow]


def test_menus_and_options_are_in_the_desktop_s_language(gimp):
    script = gimp.profile / "plug-ins" / "defocus" / "defocus.py"
    script.touch()  # GIMP asks a plug-in anew only if its date changed
    try:
        said = Batch(gimp, "language", LANGUAGE="de", LANG="de_DE.UTF-8").facts("said")
    finally:
        script.touch()
    assert said["menu"] == "_Schärfemaske hinzufügen …"
    assert said["blurb"] == "Maskieren, was unscharf ist"
    assert said["labels"]["softness"].replace("_", "") == "Weiche Kante (px)"
