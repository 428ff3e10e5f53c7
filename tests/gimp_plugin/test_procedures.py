"""What the procedures ask the worker for, and refuse, without a GIMP."""

from types import SimpleNamespace
from unittest import mock

import pytest

MASK, SELECT = "plug-in-defocus-in-focus-mask", "plug-in-defocus-select-in-focus"
MAP, SHARPEN, BACKGROUND = (f"plug-in-defocus-{name}" for name in ("blur-map", "sharpen", "blur-background"))


@pytest.fixture
def entries(plugin, settings):
    return plugin.entries.available(settings)


@pytest.fixture
def layer(plugin, tmp_path, monkeypatch):
    """A layer of an 8-bit image, with nothing selected; what is read of it is written down by name."""
    made = mock.MagicMock()
    made.get_mask.return_value = None
    made.get_name.return_value = "flower"
    made.get_image().get_selection().marks = b"\0\0\0\0"
    monkeypatch.setattr(plugin.pixels, "is_8_bit", lambda image: True)
    plugin.procedures.Gimp.Selection.is_empty.return_value = True
    for name in ("read_hint", "read_mask", "read_weights"):
        monkeypatch.setattr(plugin.pixels, name, lambda source, layer, path, name=name: path.write_bytes(source.marks))
    return made


@pytest.fixture
def new_file(tmp_path):
    return lambda: tmp_path / f"input-{len(list(tmp_path.iterdir()))}.raw"


def channel(image, marks=b"\1\0\1\0"):
    return SimpleNamespace(marks=marks, get_image=lambda: image, get_name=lambda: "hint")


def test_every_entry_has_a_name_a_menu_and_letters_of_its_own(entries):
    assert list(entries) == [MASK, SELECT, MAP, SHARPEN, BACKGROUND]
    for procedure in entries.values():
        assert procedure.label.endswith("...")
        assert all(menu.startswith("<Image>/") for menu in procedure.menus)
        letters = [
            option.label[option.label.index("_") + 1].lower() for option in procedure.options if "_" in option.label
        ]
        assert len(letters) == len(set(letters))
        assert len({option.name for option in procedure.options}) == len(procedure.options)


def test_defaults_ask_for_what_the_suite_does_by_default(entries, config, layer, new_file):
    asked = entries[MASK].arguments(new_file, layer, config(entries[MASK]))
    assert asked["parameters"] == {"threshold": "auto", "edge_sensitivity": 1.0, "smoothness": 1.0, "softness": 0.0}
    assert asked["output"] == "uint8"
    assert not set(asked) & {"existing", "limit", "in_focus", "blurred", "trimap"}
    asked = entries[BACKGROUND].arguments(new_file, layer, config(entries[BACKGROUND]))
    assert asked["parameters"]["threshold"] == "auto"
    assert entries[MASK].analysis(config(entries[MASK])) == {
        "kind": "photograph",
        "psf": "auto",
        "blades": 6,
        "rotation": 0.0,
        "obstruction": 0.4,
        "noise": "auto",
        "max_radius": "auto",
    }


def test_the_polygon_has_blades_and_a_rotation_which_show_when_they_apply(entries, config):
    procedure = entries[SHARPEN]
    shown = {
        psf: {option.name for option in procedure.options if option.applies(config(procedure, psf=psf))}
        for psf in ("disc", "polygon")
    }
    assert shown["polygon"] - shown["disc"] == {"blades", "rotation"}
    assert "obstruction" not in shown["polygon"]
    chosen = procedure.analysis(config(procedure, psf="polygon", blades=5, rotation=30.0))
    assert (chosen["psf"], chosen["blades"], chosen["rotation"]) == ("polygon", 5, 30.0)


def test_a_calibrated_lens_takes_the_place_of_the_shape(plugin, entries, config):
    procedure = entries[MAP]
    lens = SimpleNamespace(get_path=lambda: "/lenses/fifty.npz")
    assert procedure.analysis(config(procedure, psf_file=lens))["psf"] == "/lenses/fifty.npz"
    wrong = SimpleNamespace(get_path=lambda: "/lenses/fifty.jpg")
    with pytest.raises(plugin.problem.Problem, match=r"\.npz"):
        procedure.analysis(config(procedure, psf_file=wrong))


def test_whole_numbers_are_whole_because_the_suite_says_so(entries):
    kinds = {option.name: option.whole for option in entries[SHARPEN].options if hasattr(option, "whole")}
    assert kinds == {
        "strength": False,
        "iterations": True,
        "blades": True,
        "rotation": False,
        "obstruction": False,
        "noise": False,
        "max-radius": False,
    }


def test_noise_is_given_in_levels_of_255(plugin, entries, config):
    procedure = entries[MASK]
    assert procedure.analysis(config(procedure, noise=2.55))["noise"] == pytest.approx(1e-4)
    assert procedure.analysis(config(procedure))["noise"] == "auto"
    assert plugin.options.noise_levels(1e-4) == pytest.approx(2.55)
    assert "2.6 of 255" in entries[SHARPEN].note({}, {"noise_variance": 1e-4})


def test_numbers_out_of_range_are_refused_in_words(plugin, entries, config):
    with pytest.raises(plugin.problem.Problem, match=r"Softness \(px\) must be from 0 to 100, not 101"):
        entries[MASK].check(mock.MagicMock(), config(entries[MASK], softness=101.0))


@pytest.mark.parametrize(
    ("output", "meets"),
    [
        ("layer-mask", "mask"),
        ("new-layer", "mask"),
        ("cut-out", "mask"),
        ("new-image", "mask"),
        ("selection", ""),
        ("channel", ""),
    ],
)
def test_masks_meet_what_their_output_has(entries, config, layer, new_file, output, meets):
    layer.get_mask.return_value = channel(layer)
    asked = entries[MASK].arguments(new_file, layer, config(entries[MASK], output=output, existing="add"))
    assert ("existing" in asked) == (meets == "mask" or output == "selection")


def test_an_active_selection_limits_hints_or_is_ignored(plugin, entries, config, layer, new_file):
    plugin.procedures.Gimp.Selection.is_empty.return_value = False
    layer.get_image().get_selection.return_value = channel(layer.get_image())
    for output, outside in (("layer-mask", 1), ("cut-out", 1), ("channel", 0)):
        asked = entries[MASK].arguments(new_file, layer, config(entries[MASK], output=output))
        assert asked["outside"] == outside
        assert "limit" in asked
    asked = entries[MASK].arguments(new_file, layer, config(entries[MASK], selection_use="blurred"))
    assert "blurred" in asked
    assert "limit" not in asked
    asked = entries[MASK].arguments(new_file, layer, config(entries[MASK], selection_use="ignore"))
    assert not set(asked) & {"limit", "blurred", "in_focus"}


def test_conflicting_hints_are_refused_before_anything_is_measured(plugin, entries, config, layer, new_file):
    image = layer.get_image()
    both = {"in_focus_channel": channel(image), "blurred_channel": channel(image, b"\1\0\0\0")}
    with pytest.raises(plugin.problem.Problem, match="mark them once"):
        entries[MASK].arguments(new_file, layer, config(entries[MASK], **both))
    apart = {**both, "blurred_channel": channel(image, b"\0\1\0\0")}
    assert {"in_focus", "blurred"} <= set(entries[MASK].arguments(new_file, layer, config(entries[MASK], **apart)))
    plugin.procedures.Gimp.Selection.is_empty.return_value = False
    chosen = config(entries[MASK], in_focus_channel=channel(image), selection_use="in-focus")
    with pytest.raises(plugin.problem.Problem, match="not both"):
        entries[MASK].check(image, chosen)


def test_extraction_is_asked_for_a_trimap(entries, config, layer, new_file):
    asked = entries[MASK].arguments(new_file, layer, config(entries[MASK], edge="extract"))
    assert asked["trimap"] == 8
    assert asked["output"] == "uint8"
    asked = entries[MASK].arguments(new_file, layer, config(entries[MASK], edge="extract", softness=12.0))
    assert asked["trimap"] == 12
    assert asked["parameters"]["softness"] == 0


def test_select_in_focus_makes_a_selection_by_default(entries, config):
    assert entries[SELECT].chosen_output(config(entries[SELECT])).name == "selection"
    assert entries[SELECT].menus == ("<Image>/Select",)
    assert "<Image>/Layer/Mask" in entries[MASK].menus


@pytest.mark.parametrize("output", ["gray", "color", "layer-mask"])
def test_blur_maps_become_layers_of_their_scale_or_masks(plugin, entries, config, layer, monkeypatch, output):
    made = {}
    for name in ("made_layer", "made_mask", "put_above", "put_mask"):
        monkeypatch.setattr(plugin.results, name, lambda *given, name=name, **options: made.update({name: given}))
    answer = {"path": "map.raw", "maximum": 8.0, "shape": [2, 2], "dtype": "uint8"}
    attach = entries[MAP].prepare(layer, answer, config(entries[MAP], output=output), True)
    assert "put_above" not in made
    assert "put_mask" not in made
    attach()
    if output == "layer-mask":
        assert set(made) == {"made_mask", "put_mask"}
    else:
        assert made["made_layer"][2] == "Blur map, 0 to 8 px: flower"


def test_one_click_away_from_auto_is_told_from_other_changes(entries):
    threshold = next(option for option in entries[MASK].options if option.name == "threshold")
    assert threshold.leaves_auto(0, 0.1)
    assert not threshold.leaves_auto(0, 2.0)  # dragged or typed
    assert not threshold.leaves_auto(2.0, 2.1)
    softness = next(option for option in entries[MASK].options if option.name == "softness")
    assert not softness.leaves_auto(0, 1.0)


@pytest.mark.parametrize("kind", ["TextLayer", "LinkLayer"])
def test_layers_that_were_rasterized_are_as_good_as_others(plugin, kind):
    """From GIMP 3.2 on they keep their kind."""
    gimp = plugin.layers.Gimp
    base = getattr(gimp, kind) if kind == "TextLayer" else gimp.Layer
    made = type(kind, (base,), {"get_name": lambda self: "words", "is_rasterized": lambda self: self.done})()
    made.done = False
    with pytest.raises(plugin.problem.Problem, match="“words” is"):
        plugin.layers.usable_layers([made])
    made.done = True
    assert plugin.layers.usable_layers([made]) == [made]
