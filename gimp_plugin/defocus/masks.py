"""The procedures that make masks: what is in focus, as everything that a mask can become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
import refine  # noqa: E402
import results  # noqa: E402
from options import Choice, Flag, Number, Option, from_parameters, values_of  # noqa: E402
from outputs import OUTPUTS, MaskOutput  # noqa: E402
from problem import Problem  # noqa: E402
from procedures import BY_HINT, FILTERS, Procedure, used_selection  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from defocus_client import WorkerClient
    from gi.repository import Gimp
    from options import Control
    from procedures import NewFile
    from results import Answer, Attach


class FocusMask(Procedure):
    """Add In-Focus Mask."""

    name = "plug-in-defocus-in-focus-mask"
    label = _("Add _In-Focus Mask...")
    blurb = _("Mask what is out of focus")
    help = _(
        "Measures at every pixel how far it is out of focus, and makes a mask of what is in focus, snapped "
        "to colour edges: as layer mask, selection, channel, new layer or new image. Every selected layer is "
        "treated in turn."
    )
    menus: tuple[str, ...] = (FILTERS, "<Image>/Layer/Mask")
    request = "focus_mask"
    group = "mask"
    groups = (
        ("", ("threshold", "softness", "invert", "output")),
        ("Edges", ("edge", "edge-sensitivity", "smoothness", "edge-contrast", "edge-shift", "decontaminate")),
        ("Existing mask and selection", ("existing", "selection-use")),
    )
    is_mask = True
    needs_threshold = True
    output = "layer-mask"

    def own_options(self, parameters: dict[str, list[Control]]) -> list[Option]:
        return [
            *from_parameters(parameters, "mask"),
            Flag("invert", "Invert", "Mask what is in focus instead of what is not."),
            Choice(
                "edge",
                "Edge",
                "Who finds the edge within a band around the boundary: the suite, as wide as softness says, or by the "
                "colours on both sides, which keeps hair and other fine things; or GIMP's foreground extraction.",
                [
                    ("own", "By softness"),
                    ("matte", "Found by colours"),
                    ("extract", "Refined by Foreground Extraction"),
                ],
                "own",
            ),
            Number(
                "edge",
                {
                    "name": "edge_contrast",
                    "label": "Contrast of the edge",
                    "help": "How many times as steep a soft edge becomes; 1 leaves it as it is.",
                    "default": 1.0,
                    "minimum": 1.0,
                    "maximum": 10.0,
                    "step": 0.1,
                    "choices": [],
                },
            ),
            Number(
                "edge",
                {
                    "name": "edge_shift",
                    "label": "Shift edge (px)",
                    "help": "How far the edge is moved outwards; negative numbers move it inwards.",
                    "default": 0.0,
                    "minimum": -50.0,
                    "maximum": 50.0,
                    "step": 0.5,
                    "choices": [],
                },
            ),
            Flag(
                "decontaminate",
                "Decontaminate colours",
                "Give what is cut out the colours of the subject alone where its edge mixes them with those of what "
                "lies behind.",
                True,
            ),
            Choice(
                "output",
                "Output",
                "What the mask becomes.",
                [(output.name, output.label) for output in OUTPUTS],
                self.output,
            ),
            Choice(
                "existing",
                "Existing mask",
                "How the result meets the layer's mask, or the selection for that output, if there is one.",
                [
                    ("replace", "Replace it"),
                    ("intersect", "Intersect with it"),
                    ("add", "Add to it"),
                    ("subtract", "Subtract from it"),
                ],
                "replace",
            ),
            Choice(
                "selection-use",
                "Selection",
                "What the active selection means: the mask changes only inside it (elsewhere it stays, and "
                "shows everything if there was none); or what it holds is in focus, or is blurred.",
                [
                    ("limit", "Limits what changes"),
                    ("in-focus", "Is surely in focus"),
                    ("blurred", "Is surely blurred"),
                    ("ignore", "Is ignored"),
                ],
                "limit",
            ),
        ]

    def chosen_output(self, config: Gimp.ProcedureConfig) -> MaskOutput:
        return next(output for output in OUTPUTS if output.name == self.value(config, "output"))

    def check(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
        super().check(image, config)
        use = self.value(config, "selection-use")
        if use in BY_HINT and not used_selection(image):
            raise Problem(_("Nothing is selected, so the selection cannot say what is in focus or blurred."))
        if use in BY_HINT and self.value(config, BY_HINT[use]) is not None:
            raise Problem(_("Give either a channel or the selection for the same hint, not both."))
        if self.chosen_output(config).new_layer:
            results.refuse_indexed(image)

    def arguments(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        parameters = values_of(self.options, config, "mask")
        arguments = {"parameters": parameters, **self.hints(new_file, layer, config)}
        if self.value(config, "edge") == "extract":
            band = round(parameters["softness"]) or refine.BAND
            return {**arguments, "parameters": {**parameters, "softness": 0.0}, "trimap": band, "output": "uint8"}
        rim = {"rim": "matte"} if self.value(config, "edge") == "matte" else {}
        return {**arguments, **rim, **self._meeting(new_file, layer, config)}

    def hint_sources(self, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Gimp.Channel | None]:
        use = self.value(config, "selection-use")
        sources = super().hint_sources(layer, config)
        return {**sources, use: used_selection(layer.get_image())} if use in BY_HINT else sources

    def _meeting(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        """Return what happens to a mask whose edge is found, and how it meets the mask or selection that is there."""
        image = layer.get_image()
        output, use = self.chosen_output(config), self.value(config, "selection-use")
        combine = self.value(config, "existing")
        arguments: dict[str, Any] = {
            "invert": self.value(config, "invert"),
            "output": pixels.mask_output(image),
        }
        contrast, shift = self.value(config, "edge-contrast"), self.value(config, "edge-shift")
        if contrast != 1:
            arguments["contrast"] = contrast
        if shift:
            arguments["shift"] = shift
        if output.cuts_out and self.value(config, "decontaminate"):
            arguments["colors"] = True

        def send(name: str, source: Gimp.Channel) -> None:
            path = new_file()
            pixels.read_weights(source, layer, path)
            arguments[name] = path.name

        selection = used_selection(image)
        mask = layer.get_mask()
        if output.meets == "mask" and mask is not None:
            send("existing", mask)
            arguments["combine"] = combine
        combined_selection = output.meets == "selection" and combine != "replace"
        if combined_selection:
            # An empty selection is a mask of zeros, which the selection's own values are
            send("existing", image.get_selection())
            arguments["combine"] = combine
        if selection and use == "limit" and not combined_selection:
            send("limit", selection)
            arguments["outside"] = output.outside
        return arguments

    def refined(
        self,
        worker: WorkerClient,
        layer: Gimp.Layer,
        config: Gimp.ProcedureConfig,
        arguments: dict[str, Any],
        answer: Answer,
    ) -> Answer:
        if self.value(config, "edge") != "extract":
            return answer
        path = worker.new_file()
        refine.extract(layer, answer["path"], path)
        # How it meets what is there is the worker's again
        strokes = {"strokes": arguments["strokes"]} if "strokes" in arguments else {}
        meeting = self._meeting(worker.new_file, layer, config)
        return worker.request(self.request, {**meeting, **strokes, "matte": path.name})

    def prepare(self, layer: Gimp.Layer, answer: Answer, config: Gimp.ProcedureConfig, first: bool) -> Attach:
        return self.chosen_output(config).prepare(layer, answer, first)


class SelectInFocus(FocusMask):
    """Select > In Focus."""

    name = "plug-in-defocus-select-in-focus"
    label = _("_In Focus...")
    blurb = _("Select what is in focus")
    menus = ("<Image>/Select",)
    output = "selection"
