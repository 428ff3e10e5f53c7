"""The procedures that make a new picture: sharper where it is out of focus, or its background more blurred."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
import results  # noqa: E402
from gi.repository import Gimp  # noqa: E402
from options import HINTS, Choice, Flag, MapFile, NamedMap, Number, Option, from_parameters, values_of  # noqa: E402
from problem import Problem  # noqa: E402
from procedures import HINT_CHANNELS, MAP_IS, Procedure, used_selection  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from options import Control
    from procedures import NewFile
    from results import Answer, Attach

# Beside what auto found there is no room for the suite's own labels
_SHORTER = {"Keep in focus from (px)": "In focus from (px)", "Keep in focus up to (px)": "In focus up to (px)"}
OWN_MAP = "Blur map of your own"  # title of what is folded
_LARGEST = 128.0  # px; no blur is known beyond


class NewPicture(Procedure):
    """A new layer above, from the worker's picture."""

    title = ""
    is_picture = True
    more_groups = (
        (HINTS, ("subject", *HINT_CHANNELS)),
        (OWN_MAP, ("map-layer", "map-white", "map-file")),
    )

    def own_options(self, parameters: dict[str, list[Control]]) -> list[Option]:
        white = {
            "name": "map_white",
            "label": "White means (px)",
            "help": "The blur radius that white stands for in that layer; auto takes what a blur map layer says of "
            "itself, or the largest radius looked for.",
            "default": "auto",
            "minimum": 0.1,
            "maximum": _LARGEST,
            "step": 0.5,
            "choices": ["auto"],
        }
        return [
            *from_parameters(parameters, self.group),
            Choice(
                "subject",
                "In focus is",
                "What is taken for in focus: what is measured, with what is marked; or exactly what the layer's own "
                "mask shows, which then hides nothing of the result; or what is selected.",
                [("measured", "As measured"), ("layer-mask", "What the mask shows"), ("selection", "What is selected")],
                "measured",
            ),
            Flag(
                "limit-to-selection",
                "Show inside the selection only",
                "Give the new layer a mask from the active selection, if there is one.",
                True,
                needs_selection=True,
            ),
            NamedMap(
                "map-layer",
                "Blur map",
                "A grey layer or channel, black where all is sharp, that takes the place of what would be measured.",
            ),
            Number("request", white),
            MapFile(
                "map-file",
                "From a file",
                "A file with a blur radius in px for each pixel (TIFF, NPY or NPZ), in place of such a layer.",
            ),
        ]

    def check(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
        super().check(image, config)
        results.refuse_indexed(image)
        source, subject = self.value(config, "map-layer"), self.value(config, "subject")
        if source is not None and self.value(config, "map-file"):
            raise Problem(_("Give either a layer or a file as the blur map, not both."))
        if source is not None and not isinstance(source, Gimp.Channel) and pixels.is_colored(source):
            raise Problem(_("“{name}” has colours: a blur map is grey.", name=source.get_name()))
        if subject == "selection" and not used_selection(image):
            raise Problem(_("Nothing is selected, so the selection cannot say what is in focus or blurred."))
        if subject != "measured" and any(self.value(config, name) is not None for name in HINT_CHANNELS):
            raise Problem(_("Channels cannot say what is in focus where the mask or the selection does: choose one."))

    def arguments(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        return {
            "parameters": values_of(self.options, config, self.group),
            **self.hints(new_file, layer, config),
            **self.map_of_ones_own(new_file, layer, config),
            "alpha": True,
            "output": pixels.mask_output(layer.get_image()),
        }

    def hints(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        if self.value(config, "subject") == "measured":
            return super().hints(new_file, layer, config)
        source = self.subject_source(layer, config)
        arguments = {}
        for hint, inverted in (("in_focus", False), ("blurred", True)):
            path = new_file()
            pixels.read_hint(source, layer, path, inverted=inverted)
            arguments[hint] = path.name
        return arguments

    def subject_source(self, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> Gimp.Channel:
        """Return the mask or the selection that says what is in focus."""
        masked = self.value(config, "subject") == "layer-mask"
        source = layer.get_mask() if masked else used_selection(layer.get_image())
        if source is None:
            raise Problem(_("“{name}” has no mask that could say what is in focus.", name=layer.get_name()))
        return source

    def map_of_ones_own(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        """Return the arguments that give a blur map in place of the measured one, none if nobody has one."""
        source, file = self.value(config, "map-layer"), self.value(config, "map-file")
        if file:
            return {"map_path": file}
        if source is None:
            return {}
        if source == layer:
            raise Problem(_("“{name}” cannot be the blur map of itself.", name=layer.get_name()))
        path = new_file()
        dtype = pixels.read_map(source, layer, path)
        return {"map": path.name, "map_dtype": dtype, "map_white": self.white(config)}

    def white(self, config: Gimp.ProcedureConfig) -> float:
        """Return the radius in px that white stands for in the map of one's own; 0 is the largest looked for."""
        chosen, source = self.value(config, "map-white"), self.value(config, "map-layer")
        told = source.get_parasite(MAP_IS) if source is not None and chosen == "auto" else None
        if told is None:
            return 0.0 if chosen == "auto" else float(chosen)
        try:
            return min(max(float(bytes(told.get_data()).rstrip(b"\0")), 0.0), _LARGEST)
        except ValueError:
            return 0.0

    def remarks(self, config: Gimp.ProcedureConfig, measured: dict[str, Any]) -> list[str]:
        source, file = self.value(config, "map-layer"), self.value(config, "map-file")
        if file:
            return [_("Blur radii from {file}.", file=Path(file).name)]
        if source is None:
            return []
        white = self.white(config) or measured.get("max_radius", 0.0)
        return [_("Blur radii from “{name}”: white is {white:.3g} px.", name=source.get_name(), white=float(white))]

    def probed(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        return self.map_of_ones_own(new_file, layer, config)

    def hidden_by_mask(self, config: Gimp.ProcedureConfig) -> bool:
        return self.value(config, "subject") != "layer-mask"

    def prepare(self, layer: Gimp.Layer, answer: Answer, config: Gimp.ProcedureConfig, first: bool) -> Attach:
        made = results.made_layer(layer, answer, f"{self.title}: {layer.get_name()}")
        limited = self.limit(layer.get_image(), config) is not None
        masked = self.hidden_by_mask(config)

        def attach() -> Gimp.Layer:
            results.put_above(layer, made)
            results.keep_hidden(layer, made, limited=limited, masked=masked)
            return made

        return attach

    def limit(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> Gimp.Channel | None:
        limited = self.value(config, "limit-to-selection") and self.value(config, "subject") != "selection"
        return used_selection(image) if limited else None


class Sharpen(NewPicture):
    """Sharpen out-of-focus areas."""

    name = "plug-in-defocus-sharpen"
    label = _("_Sharpen Out-of-Focus Areas...")
    blurb = _("Undo defocus, everywhere by as much as there is")
    help = _("Measures the blur at every pixel and undoes it by deconvolution; the result is a new layer.")
    request = "restore"
    group = "restoration"
    groups = (("", ("strength", "limit-to-selection")), *NewPicture.more_groups)
    title = _("Sharpened")


class Magnify(NewPicture):
    """Blur the background more."""

    name = "plug-in-defocus-blur-background"
    label = _("Blur Back_ground More...")
    blurb = _("Enlarge the defocus that the picture has")
    help = _(
        "Measures the blur at every pixel and enlarges it as a wider aperture would, keeping what is in "
        "focus; the result is a new layer."
    )
    request = "magnify"
    needs_threshold = takes_focus = True
    group = "magnification"
    groups = (
        ("", ("strength", "focus-from", "threshold", "limit-to-selection")),
        ("Focus by a point", ("focus-x", "focus-y")),
        ("Highlights and grain", ("highlights", "bokeh-blades", "bokeh-rotation", "cats-eye", "grain")),
        *NewPicture.more_groups,
    )
    title = _("Background blurred")

    def own_options(self, parameters: dict[str, list[Control]]) -> list[Option]:
        named = [
            {**control, "label": _SHORTER.get(control["label"], control["label"])} for control in parameters[self.group]
        ]
        return super().own_options({**parameters, self.group: named})

    def __init__(self, parameters: dict[str, list[Control]]) -> None:
        super().__init__(parameters)
        for option in self.options:
            if isinstance(option, Number) and option.name in ("focus-x", "focus-y"):
                option.zero = "nowhere"

    def check(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
        super().check(image, config)
        if (self.value(config, "focus-x") == "auto") != (self.value(config, "focus-y") == "auto"):
            raise Problem(_("“Focus at x” and “Focus at y” name one point: give both, or none."))
        threshold, nearest = self.value(config, "threshold"), self.value(config, "focus-from")
        if threshold != "auto" and nearest > threshold:
            raise Problem(_("“In focus from” lies beyond “In focus up to”."))

    def hints(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        arguments = super().hints(new_file, layer, config)
        if self.value(config, "subject") != "measured":  # its soft edge stays as it is, too
            path = new_file()
            pixels.read_weights(self.subject_source(layer, config), layer, path)
            arguments["subject"] = path.name
        return arguments

    def focus(self, config: Gimp.ProcedureConfig) -> tuple[float, float] | None:
        """Return the point that is to be the sharpest, in px of the layer, if one is."""
        place = self.value(config, "focus-x"), self.value(config, "focus-y")
        return None if "auto" in place else place
