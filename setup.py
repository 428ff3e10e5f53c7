"""What pyproject.toml cannot say: the README whose pictures and links lead to the project's home.

A package index shows the README away from the files beside it, so relative links are made absolute there; in the source
tree they stay as they are. Nor has whoever reads it there a clone, which the commands in the beginning need.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent


def absolute_readme() -> str:
    """Return the README for those without a clone, with links to files of the tree under the project's address."""
    home = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"<!-- in a clone -->.*?<!-- end -->\n", "", text, flags=re.DOTALL)
    pictures = re.sub(r"(!\[[^]]*\]\()(?!https?:)", rf"\g<1>{home}/raw/main/", text)
    return re.sub(r"((?<!!)\[[^]!]*\]\()(?!https?:|#)", rf"\g<1>{home}/blob/main/", pictures)


if __name__ == "__main__":
    setup(long_description=absolute_readme(), long_description_content_type="text/markdown")
