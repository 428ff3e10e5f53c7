"""The procedures that make masks: what is in focus, as everything that a mask can become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
import refine  # noqa: E402
import results  # noqa: E402
from options import Choice, Flag, NamedChannel, Option, from_parameters, values_of  # noqa: E402
from outputs import OUTPUTS, MaskOutput  # noqa: E402
from problem import Problem  # noqa: E402
from procedures import FILTERS, Procedure, used_selection  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from defocus_client import WorkerClient
    from gi.repository import Gimp
    from options import Control
    from procedures import NewFile
    from results import Answer, Attach

_BY_HINT = {"in-focus": "in-focus-channel", "blurred": "blurred-channel"}
HINT_CHANNELS = tuple(_BY_HINT.values())


_NOTHING = 0.002  # share in focus below which nothing is, and everything above the rest


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
                "Who finds the edge within a band around the boundary: the suite, as wide as softness says, or "
                "GIMP's foreground extraction.",
                [("own", "As softness says"), ("extract", "Refined by Foreground Extraction")],
                "own",
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
                    ("limit", "Change the mask inside it only"),
                    ("in-focus", "Is surely in focus"),
                    ("blurred", "Is surely blurred"),
                    ("ignore", "Is ignored"),
                ],
                "limit",
            ),
            NamedChannel("in-focus-channel", "Surely in focus", "A channel that is white where all is in focus."),
            NamedChannel("blurred-channel", "Surely blurred", "A channel that is white where all is blurred."),
        ]

    def note(self, answer: Answer, measured: dict[str, Any]) -> str:
        said = _("In focus: blur radius up to {threshold:.2g} px.").format(threshold=answer["threshold"])
        if answer.get("in_focus_share", 1) < _NOTHING:
            said = _("Nothing is in focus.") + " " + said
        elif answer.get("in_focus_share", 0) > 1 - _NOTHING:
            said = _("Everything is in focus.") + " " + said
        if answer.get("other_threshold"):
            said += " " + _("A close call: {other:.2g} px gives another mask.").format(other=answer["other_threshold"])
        return f"{said} {super().note(answer, measured)}"

    def chosen_output(self, config: Gimp.ProcedureConfig) -> MaskOutput:
        return next(output for output in OUTPUTS if output.name == self.value(config, "output"))

    def check(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
        super().check(image, config)
        use = self.value(config, "selection-use")
        if use in _BY_HINT and not used_selection(image):
            raise Problem("Nothing is selected, so the selection cannot say what is in focus or blurred.")
        for hint, name in _BY_HINT.items():
            channel = self.value(config, name)
            if channel is not None and channel.get_image() != image:
                raise Problem(f"The channel “{channel.get_name()}” belongs to another image.")
            if channel is not None and use == hint:
                raise Problem("Give either a channel or the selection for the same hint, not both.")
        if self.chosen_output(config).new_layer:
            results.refuse_indexed(image)

    def arguments(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        parameters = values_of(self.options, config, "mask")
        arguments: dict[str, Any] = {"parameters": parameters}
        selection, use = used_selection(layer.get_image()), self.value(config, "selection-use")
        hints = []
        for hint, option in _BY_HINT.items():
            source = selection if use == hint else self.value(config, option)
            if source is not None:
                path = new_file()
                pixels.read_hint(source, layer, path)
                arguments[hint.replace("-", "_")] = path.name
                hints.append(path)
        if len(hints) == 2 and _meet(*hints):
            raise Problem("Some pixels are marked as surely in focus and as surely blurred: mark them once.")
        if self.value(config, "edge") == "extract":
            band = round(parameters["softness"]) or refine.BAND
            return {**arguments, "parameters": {**parameters, "softness": 0.0}, "trimap": band, "output": "uint8"}
        return {**arguments, **self._meeting(new_file, layer, config)}

    def _meeting(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        """Return the arguments that say how a mask meets the mask or selection that is there."""
        image = layer.get_image()
        output, use = self.chosen_output(config), self.value(config, "selection-use")
        combine = self.value(config, "existing")
        arguments: dict[str, Any] = {
            "invert": self.value(config, "invert"),
            "output": pixels.mask_output(image),
        }

        def send(name: str, reader: Callable[..., None], source: Gimp.Channel) -> None:
            path = new_file()
            reader(source, layer, path)
            arguments[name] = path.name

        selection = used_selection(image)
        mask = layer.get_mask()
        if output.meets == "mask" and mask is not None:
            send("existing", pixels.read_mask, mask)
            arguments["combine"] = combine
        combined_selection = output.meets == "selection" and combine != "replace"
        if combined_selection:
            # An empty selection is a mask of zeros, which the selection's own values are
            send("existing", pixels.read_weights, image.get_selection())
            arguments["combine"] = combine
        if selection and use == "limit" and not combined_selection:
            send("limit", pixels.read_weights, selection)
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
        if self.value(config, "edge") == "own":
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


def _meet(one: Path, other: Path) -> bool:
    """Return whether two files of a byte a pixel, 0 or 1, mark the same pixel."""
    first, second = (int.from_bytes(path.read_bytes(), "little") for path in (one, other))
    return first & second != 0
