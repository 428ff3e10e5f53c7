#!/usr/bin/env python3
"""Defocus for GIMP 3: in-focus masks, blur maps, sharper or more blurred pictures.

Needs GIMP's own Python and nothing else; the computing is done by the installed defocus suite in a process of
its own. ``defocus gimp-install`` copies this folder into GIMP's plug-in folder and records which Python has
the suite.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import results  # noqa: E402
from entries import available  # noqa: E402
from gi.repository import Gegl, Gimp, GLib, GObject  # noqa: E402
from layers import usable_layers  # noqa: E402
from masks import FocusMask  # noqa: E402
from problem import Problem, message_of  # noqa: E402
from remembered import recall_channels, recall_strokes, remember  # noqa: E402
from session import Session  # noqa: E402
from suite import Settings, load_settings  # noqa: E402
from words import heard  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from procedures import Procedure


class Defocus(Gimp.PlugIn):
    """The plug-in, as GIMP sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: Exception | None = None
        self.settings: Settings = {}
        self.procedures: dict[str, Procedure] = {}
        try:
            self.settings = load_settings()
            self.procedures = available(self.settings)
        except (Problem, KeyError, TypeError) as error:
            self.problem = error

    def do_set_i18n(self, name: str) -> bool:
        """Say that the texts are translated already: the plug-in reads its catalogues itself."""
        return False

    def do_query_procedures(self) -> list[str]:
        """Return the procedures' names; one menu entry must be there whatever is wrong, to say what."""
        return list(self.procedures) or [FocusMask.name]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Describe one procedure to GIMP."""
        described = self.procedures.get(name, FocusMask)
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, self.run, None)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES)
        procedure.set_menu_label(described.label)
        for menu in described.menus:
            procedure.add_menu_path(menu)
        procedure.set_documentation(described.blurb, described.help, name)
        procedure.set_attribution("The defocus developers", "The defocus developers", "2026")
        made = _("What was made: layer, layer mask, channel or the selection; of several layers the first one's")
        procedure.add_drawable_return_value("made", _("Result"), made, True, GObject.ParamFlags.READWRITE)
        where = _("The image that holds it")
        procedure.add_image_return_value("made-in", _("Image"), where, True, GObject.ParamFlags.READWRITE)
        if name in self.procedures:
            for option in self.procedures[name].options:
                option.declare(procedure)
        return procedure

    def run(
        self,
        procedure: Gimp.Procedure,
        run_mode: Any,
        image: Gimp.Image,
        drawables: list[Gimp.Drawable],
        config: Gimp.ProcedureConfig,
        data: object,
    ) -> Any:
        """Carry out one procedure; whatever goes wrong becomes one message, and the image stays as it was."""
        status, text, made = Gimp.PDBStatusType.SUCCESS, "", []
        session = None
        try:
            if self.problem is not None:
                raise self.problem
            Gegl.init(None)
            ours = self.procedures[procedure.get_name()]
            layers = usable_layers(drawables)
            session = Session(self.settings, ours)
            if run_mode != Gimp.RunMode.NONINTERACTIVE:
                recall_channels(image, config, ours.named)
                session.marks.strokes = recall_strokes(image, layers[0])
                session.marked_layer = layers[0]
            if run_mode == Gimp.RunMode.INTERACTIVE:
                from dialog import ask

                if not ask(session, procedure, config, image, layers[0]):
                    status = Gimp.PDBStatusType.CANCEL
            if status == Gimp.PDBStatusType.SUCCESS:
                made = carry_out(session, image, layers, config)
                if run_mode != Gimp.RunMode.NONINTERACTIVE:
                    channels = {name: config.get_property(name) for name in ours.named}
                    remember(image, channels, layers[0], session.marks.written())
        except Exception as error:  # a traceback on GIMP's console would help nobody
            status, text = Gimp.PDBStatusType.EXECUTION_ERROR, message_of(error)
        finally:
            if session is not None and status == Gimp.PDBStatusType.SUCCESS:
                session.leave()
            elif session is not None:
                session.close()
        failure = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), text, 0) if text else GLib.Error()
        values = procedure.new_return_values(status, failure)
        if made:
            for place, (kind, thing) in enumerate(((Gimp.Drawable, made[0]), (Gimp.Image, made[0].get_image())), 1):
                values.remove(place)
                values.insert(place, GObject.Value(kind, thing))
        return values


def carry_out(
    session: Session, image: Gimp.Image, layers: list[Gimp.Layer], config: Gimp.ProcedureConfig
) -> list[Gimp.Drawable]:
    """Compute the result of every layer, then attach them all in one undo step; return what was made, in turn."""
    ours = session.procedure
    ours.check(image, config)
    Gimp.progress_init(ours.blurb)
    attachments = []
    for number, layer in enumerate(layers):

        def progress(fraction: float, stage: str, done: int = number) -> None:
            Gimp.progress_set_text(heard(stage))
            Gimp.progress_update((done + fraction) / len(layers))

        answer = session.compute(layer, config, progress)
        attachments.append(ours.prepare(layer, answer, config, number == 0))
    with results.one_undo_step(image):
        made = [attach() for attach in attachments]
    Gimp.progress_end()
    Gimp.displays_flush()
    return made


Gimp.main(Defocus.__gtype__, sys.argv)
