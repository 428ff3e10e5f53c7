#!/usr/bin/env python3
"""Defocus for GIMP 3: in-focus masks, blur maps, sharper or more blurred pictures, under Filters > Defocus.

Needs GIMP's own Python and nothing else; the computing is done by the installed defocus suite in a process of
its own. ``defocus gimp-install`` copies this folder into GIMP's plug-in folder and records which Python has
the suite.
"""

import sys

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import results  # noqa: E402
from gi.repository import Gegl, Gimp, GLib  # noqa: E402
from procedures import FocusMask, available_jobs  # noqa: E402
from session import Session  # noqa: E402
from suite import Problem, load_settings, message_of  # noqa: E402

MENU = "<Image>/Filters/Defocus"


class Defocus(Gimp.PlugIn):
    """The plug-in, as GIMP sees it."""

    def __init__(self):
        super().__init__()
        self.problem = None
        try:
            self.settings = load_settings()
            self.jobs = available_jobs(self.settings)
        except (Problem, KeyError, TypeError) as error:
            # The menu entry must be there even so, to say what is wrong
            self.problem = error
            self.settings, self.jobs = None, {FocusMask.name: None}

    def do_set_i18n(self, name):
        """Say that there are no translations."""
        return False

    def do_query_procedures(self):
        """Return the procedures' names."""
        return list(self.jobs)

    def do_create_procedure(self, name):
        """Describe one procedure to GIMP."""
        job = self.jobs.get(name)
        described = job or FocusMask
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, self.run, None)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES)
        procedure.set_menu_label(described.label)
        procedure.add_menu_path(MENU)
        procedure.set_documentation(described.blurb, described.help, name)
        procedure.set_attribution("The defocus developers", "The defocus developers", "2026")
        for option in job.options if job else ():
            option.declare(procedure)
        return procedure

    def run(self, procedure, run_mode, image, drawables, config, data):
        """Carry out one procedure; whatever goes wrong becomes one message, and the image stays as it was."""
        status, text = Gimp.PDBStatusType.SUCCESS, ""
        session = None
        try:
            if self.problem is not None:
                raise self.problem
            Gegl.init(None)
            job = self.jobs[procedure.get_name()]
            layers = results.usable_layers(drawables)
            session = Session(self.settings, job)
            if run_mode == Gimp.RunMode.INTERACTIVE:
                from dialog import ask

                if not ask(session, job, procedure, config, image, layers[0]):
                    status = Gimp.PDBStatusType.CANCEL
            if status == Gimp.PDBStatusType.SUCCESS:
                carry_out(session, job, image, layers, config)
        except Exception as error:  # a traceback on GIMP's console would help nobody
            status, text = Gimp.PDBStatusType.EXECUTION_ERROR, message_of(error)
        finally:
            if session is not None:
                session.close()
        failure = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), text, 0) if text else GLib.Error()
        return procedure.new_return_values(status, failure)


def carry_out(session, job, image, layers, config):
    """Compute the result of every layer, then attach them all in one undo step."""
    job.check(image, config)
    Gimp.progress_init(job.blurb)
    attachments = []
    for number, layer in enumerate(layers):

        def progress(fraction, stage, done=number):
            Gimp.progress_set_text(stage)
            Gimp.progress_update((done + fraction) / len(layers))

        answer = session.compute(layer, config, progress)
        attachments.append(job.prepare(layer, answer, config, number == 0))
    with results.one_undo_step(image):
        for attach in attachments:
            attach()
    Gimp.progress_end()
    Gimp.displays_flush()


Gimp.main(Defocus.__gtype__, sys.argv)
