"""A third host in a page: watches a folder, and tells of each picture that appears whether anything in it is in focus.

    python examples/watch_folder.py FOLDER [--once]

Like the plug-ins for GIMP and napari it asks a session by name; unlike them it needs no other process, since nobody
waits at a window. Stop it with Ctrl+C.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import defocus
from defocus.parameters import MaskParameters
from defocus.session import Question, Session

ENDINGS = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


def tell(file: Path, session: Session) -> str:
    """Return one line on a picture."""
    try:
        session.open(defocus.load_image(file))
        answer = session.answer(Question("focus_mask", MaskParameters()))
    except defocus.DefocusError as error:  # whatever is wrong with a file is one line that names it
        return str(error)
    facts = answer.facts
    share = f"{100 * facts['in_focus_share']:.0f} % in focus"
    return f"{file.name}: {share}, up to {facts['threshold']:.2g} px ({facts['threshold_reason']})"


def main() -> None:
    """Watch the folder of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--once", action="store_true", help="tell of what is there, and end")
    options = parser.parse_args()
    session, seen = Session(), set()
    while True:
        files = sorted(file for file in options.folder.iterdir() if file.suffix.lower() in ENDINGS)
        for file in files:
            if file not in seen:
                seen.add(file)
                print(tell(file, session), flush=True)
        if options.once:
            return
        time.sleep(1)


if __name__ == "__main__":
    main()
