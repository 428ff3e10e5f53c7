"""The procedures: their names and arguments, what each asks the worker for and makes of the answer."""

import gi

gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
import results  # noqa: E402
from gi.repository import Gimp  # noqa: E402
from options import Choice, Flag, NamedChannel, Number, assign_mnemonics, from_parameters, values_of  # noqa: E402
from suite import Problem  # noqa: E402


class Job:
    """One procedure.

    `options` are its arguments; `arguments` gives those of the worker's request for a layer; `prepare` makes
    what the answer becomes in GIMP, unattached, and returns a function that attaches it.
    """

    name = ""
    label = ""
    blurb = ""
    help = ""
    request = ""
    group = ""

    def __init__(self, parameters):
        self.options = self.own_options(parameters) + from_parameters(
            parameters, "analysis", ("psf", "noise", "max_radius")
        )
        assign_mnemonics(self.options)

    def value(self, config, name):
        return next(option for option in self.options if option.name == name).value(config)

    def analysis(self, config):
        return values_of(self.options, config, "analysis")

    def check(self, image, config):
        """Raise `Problem` if these settings cannot be carried out in this image."""
        for option in self.options:
            option.value(config)

    def note(self, answer):
        """Return what to say below the preview."""
        return ""

    def used_selection(self, image):
        """Return the selection if anything is selected, else None."""
        return None if Gimp.Selection.is_empty(image) else image.get_selection()


class FocusMask(Job):
    """In-focus layer mask."""

    name = "plug-in-defocus-in-focus-mask"
    label = "_In-focus layer mask..."
    blurb = "Mask what is out of focus"
    help = (
        "Measures at every pixel how far it is out of focus, and makes a mask of what is in focus, snapped "
        "to colour edges: as layer mask, selection, channel or new layer with a mask. Every selected layer is "
        "treated in turn."
    )
    request = "focus_mask"
    group = "mask"

    def own_options(self, parameters):
        return [
            *from_parameters(parameters, "mask"),
            Flag("invert", "Invert", "Mask what is in focus instead of what is not."),
            Choice(
                "output",
                "Output",
                "What the mask becomes.",
                [
                    ("layer-mask", "Layer mask"),
                    ("selection", "Selection"),
                    ("new-layer", "New layer with mask"),
                    ("channel", "Channel"),
                ],
                "layer-mask",
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

    def note(self, answer):
        return f"In focus: blur radius up to {answer['threshold']:.2g} px. The rest is shown red."

    def check(self, image, config):
        super().check(image, config)
        if self.value(config, "selection-use") in ("in-focus", "blurred") and not self.used_selection(image):
            raise Problem("Nothing is selected, so the selection cannot say what is in focus or blurred.")
        for name in ("in-focus-channel", "blurred-channel"):
            channel = self.value(config, name)
            if channel is not None and channel.get_image() != image:
                raise Problem(f"The channel “{channel.get_name()}” belongs to another image.")

    def arguments(self, worker, layer, config):
        image = layer.get_image()
        output, use = self.value(config, "output"), self.value(config, "selection-use")
        combine = self.value(config, "existing")
        arguments = {
            "parameters": values_of(self.options, config, "mask"),
            "invert": self.value(config, "invert"),
            "output": pixels.mask_output(image),
        }

        def send(name, reader, *source):
            path = worker.new_file()
            reader(*source, layer, path)
            arguments[name] = path.name

        for name, option in (("in_focus", "in-focus-channel"), ("blurred", "blurred-channel")):
            if self.value(config, option) is not None:
                send(name, pixels.read_hint, self.value(config, option))
        selection = self.used_selection(image)
        if selection and use in ("in-focus", "blurred"):
            name = use.replace("-", "_")
            if name in arguments:
                raise Problem("Give either a channel or the selection for the same hint, not both.")
            send(name, pixels.read_hint, selection)
        if output in ("layer-mask", "new-layer") and layer.get_mask() is not None:
            send("existing", pixels.read_mask)
            arguments["combine"] = combine
        elif output == "selection" and combine != "replace":
            # An empty selection is a mask of zeros, which the selection's own values are
            send("existing", pixels.read_weights, image.get_selection())
            arguments["combine"] = combine
        if selection and use == "limit" and not (output == "selection" and combine != "replace"):
            send("limit", pixels.read_weights, selection)
            arguments["outside"] = 1 if output in ("layer-mask", "new-layer") else 0
        return arguments

    def prepare(self, layer, answer, config, first):
        image = layer.get_image()
        output = self.value(config, "output")
        if output == "layer-mask":
            mask = results.made_mask(layer, answer["path"])
            return lambda: results.put_mask(layer, mask)
        if output == "new-layer":

            def attach():
                copy = layer.copy()
                results.put_above(layer, copy)
                copy.set_name(f"In focus: {layer.get_name()}")
                results.put_mask(copy, results.made_mask(copy, answer["path"]))

            return attach
        channel = results.made_channel(layer, answer["path"], f"In focus: {layer.get_name()}")
        if output == "channel":
            return lambda: image.insert_channel(channel, None, 0)

        def select():
            image.insert_channel(channel, None, 0)
            image.select_item(Gimp.ChannelOps.REPLACE if first else Gimp.ChannelOps.ADD, channel)
            image.remove_channel(channel)

        return select


class BlurMap(Job):
    """Blur map layer."""

    name = "plug-in-defocus-blur-map"
    label = "_Blur map layer..."
    blurb = "Show how far every pixel is out of focus"
    help = (
        "Measures the radius of the defocus disc at every pixel and shows it: as a new layer, black where "
        "sharp and white at the radius that the layer's name says, or in colours; or as a layer mask, for "
        "filters that blur or sharpen by a mask."
    )
    request = "blur_map"
    group = "map"

    def own_options(self, parameters):
        maximum = {
            "name": "maximum",
            "label": "White at (px)",
            "help": "The blur radius that is shown as white; auto takes the largest radius looked for.",
            "default": "auto",
            "minimum": 0.1,
            "maximum": 128.0,
            "step": 0.5,
            "choices": ["auto"],
        }
        return [
            *from_parameters(parameters, "map"),
            Choice(
                "output",
                "Output",
                "What the map becomes.",
                [("gray", "Grey layer"), ("color", "Coloured layer"), ("layer-mask", "Layer mask")],
                "gray",
            ),
            Number("request", maximum),
        ]

    def note(self, answer):
        return f"White or yellow: blur radius {answer['maximum']:.3g} px or more."

    def check(self, image, config):
        super().check(image, config)
        if self.value(config, "output") != "layer-mask":
            results.refuse_indexed(image)
        if self.value(config, "output") == "color" and image.get_base_type() == Gimp.ImageBaseType.GRAY:
            raise Problem("A grey image cannot hold colours: choose the grey layer, or convert it first.")

    def arguments(self, worker, layer, config):
        output = self.value(config, "output")
        maximum = self.value(config, "maximum")
        arguments = {"parameters": values_of(self.options, config, "map")}
        if maximum != "auto":
            arguments["maximum"] = maximum
        if output == "color":
            arguments["output"] = "color"
        else:
            arguments["output"] = "uint8" if pixels.is_8_bit(layer.get_image()) else "unit"
        return arguments

    def prepare(self, layer, answer, config, first):
        output = self.value(config, "output")
        if output == "layer-mask":
            mask = results.made_mask(layer, answer["path"])
            return lambda: results.put_mask(layer, mask)
        name = f"Blur map, 0 to {answer['maximum']:.3g} px: {layer.get_name()}"
        component = "u8" if answer["dtype"] == "uint8" else "float"
        channels = answer["shape"][2] if len(answer["shape"]) == 3 else 1
        made = results.made_layer(layer, answer["path"], channels, component, name)
        return lambda: results.put_above(layer, made)


class _NewPicture(Job):
    """A new layer above, from the worker's picture."""

    title = ""

    def own_options(self, parameters):
        return [
            *from_parameters(parameters, self.group),
            Flag(
                "limit-to-selection",
                "Show inside the selection only",
                "Give the new layer a mask from the active selection, if there is one.",
                True,
            ),
        ]

    def check(self, image, config):
        super().check(image, config)
        results.refuse_indexed(image)

    def arguments(self, worker, layer, config):
        return {
            "parameters": values_of(self.options, config, self.group),
            "alpha": True,
            "output": pixels.mask_output(layer.get_image()),
        }

    def prepare(self, layer, answer, config, first):
        component = "u8" if answer["dtype"] == "uint8" else "float"
        name = f"{self.title}: {layer.get_name()}"
        made = results.made_layer(layer, answer["path"], 4, component, name)
        limited = self.value(config, "limit-to-selection") and self.used_selection(layer.get_image())

        def attach():
            results.put_above(layer, made)
            if limited:
                made.add_mask(made.create_mask(Gimp.AddMaskType.SELECTION))
                made.set_edit_mask(False)

        return attach


class Sharpen(_NewPicture):
    """Sharpen out-of-focus areas."""

    name = "plug-in-defocus-sharpen"
    label = "_Sharpen out-of-focus areas..."
    blurb = "Undo defocus, everywhere by as much as there is"
    help = "Measures the blur at every pixel and undoes it by deconvolution; the result is a new layer."
    request = "restore"
    group = "restoration"
    title = "Sharpened"


class Magnify(_NewPicture):
    """Blur the background more."""

    name = "plug-in-defocus-blur-background"
    label = "Blur back_ground more..."
    blurb = "Enlarge the defocus that the picture has"
    help = (
        "Measures the blur at every pixel and enlarges it as a wider aperture would, keeping what is in "
        "focus; the result is a new layer."
    )
    request = "magnify"
    group = "magnification"
    title = "Background blurred"


def available_jobs(settings):
    """Return the procedures that the installed suite can carry out, by name."""
    jobs = (FocusMask, BlurMap, Sharpen, Magnify)
    return {job.name: job(settings["parameters"]) for job in jobs if job.request in settings["requests"]}
