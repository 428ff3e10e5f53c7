"""Inside a GIMP of another language: what its menus and arguments say."""

import os
import sys

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from gi.repository import Gimp
from tools import MASK, Report

report = Report("language")


def said():
    procedure = Gimp.get_pdb().lookup_procedure(MASK)
    labels = {spec.name: spec.get_nick() for spec in procedure.get_arguments()}
    return {"menu": procedure.get_menu_label(), "blurb": procedure.get_blurb(), "labels": labels}


report.check("said", said)
