"""What the procedures ask the worker for, and refuse, without a GIMP."""

import functools
from types import SimpleNamespace
from unittest import mock

import pytest

from defocus import session
from defocus.command import facts
from defocus.parameters import AnalysisParameters
from defocus.psf.families import FAMILIES

# What shapes have of their own: a new shape is asked for by itself
OF_SHAPES = {name: getattr(AnalysisParameters(), name) for shape in FAMILIES.values() for name in shape.parameters}
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
    for name in ("read_hint", "read_weights"):
        monkeypatch.setattr(plugin.pixels, name, lambda source, layer, path, **_: path.write_bytes(source.marks))
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
            label[label.index("_") + 1].lower()
            for label in (named.label for named in (*procedure.options, *procedure.titles.values()))
            if "_" in label
        ]
        assert all("_" in title.label for title in procedure.titles.values())
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
        **OF_SHAPES,
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
        "map-white": False,
        **{name: isinstance(value, int) for name, value in OF_SHAPES.items()},
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
    made, new_layer = {}, mock.MagicMock()

    def note(*given, name, **options):
        made[name] = given
        return new_layer

    for name in ("made_layer", "made_mask", "put_above", "put_mask"):
        monkeypatch.setattr(plugin.results, name, functools.partial(note, name=name))
    answer = {"path": "map.raw", "maximum": 8.0, "shape": [2, 2], "dtype": "uint8"}
    attach = entries[MAP].prepare(layer, answer, config(entries[MAP], output=output), True)
    assert "put_above" not in made
    assert "put_mask" not in made
    attach()
    if output == "layer-mask":
        assert set(made) == {"made_mask", "put_mask"}
    else:
        assert made["made_layer"][2] == "Blur map, 0 to 8 px: flower"
        assert new_layer.attach_parasite.called == (output == "gray")  # by which it is known as a map again


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


def test_an_empty_group_is_refused_in_words(plugin):
    gimp = plugin.layers.Gimp
    group = type("GroupLayer", (gimp.GroupLayer,), {"get_name": lambda self: "new", "get_children": lambda self: []})()
    with pytest.raises(plugin.problem.Problem, match="group “new” is empty"):
        plugin.layers.usable_layers([group])


def tree(plugin, *names):
    """An image with a group of layers, and a layer that was removed from it."""
    gimp = plugin.layers.Gimp
    image = SimpleNamespace(is_valid=lambda: True)

    def layer():
        return type("Layer", (gimp.Layer,), {"is_valid": lambda self: True, "get_image": lambda self: image})()

    inside, removed = layer(), layer()
    group = type("GroupLayer", (gimp.GroupLayer,), {"get_children": lambda self: [inside]})()
    image.get_layers = lambda: [group]
    return image, inside, removed


def test_a_layer_that_was_removed_is_not_asked_for_its_pixels(plugin):
    """GIMP keeps it for its undo history, where it is valid."""
    image, inside, removed = tree(plugin)
    plugin.layers.require(inside)
    with pytest.raises(plugin.problem.Problem, match="removed in the meantime"):
        plugin.layers.require(removed)
    image.is_valid = lambda: False
    with pytest.raises(plugin.problem.Problem, match="removed in the meantime"):
        plugin.layers.require(inside)


@pytest.mark.parametrize(
    ("facts", "said", "not_said"),
    [
        ({"threshold": 2.0, "in_focus_share": 0.9995}, "Everything is in focus.", "Nothing"),
        ({"threshold": 2.0, "in_focus_share": 0.0005}, "Nothing is in focus.", "Everything"),
        ({"threshold": 2.0, "in_focus_share": 0.5}, "up to 2 px", "is in focus."),
        ({"threshold": 1.7, "in_focus_share": 0.0, "known_share": 0}, "Nothing is known", "in focus"),
        ({"threshold": 2.0, "in_focus_share": 0.5, "other_threshold": 3.2}, "up to 2 px", "saturated"),
        ({"saturated_share": 0.02}, "2.0 % are saturated", "in focus"),
        ({"end_share": 0.2}, "20 % read the largest radius", "saturated"),
        ({"end_share": 0.01}, "Noise", "largest"),
        ({"kind_doubt": "it may be fluorescence"}, "kind of picture is in doubt", "blur shape"),
        ({"shape_doubt": "as discs it would be 3 px"}, "choose the blur shape", "kind of picture"),
        ({"kind_doubt": "", "shape_doubt": ""}, "Noise", "doubt"),
    ],
)
def test_the_note_says_what_was_found(entries, facts, said, not_said):
    note = entries[MASK].note(facts, {"noise_variance": 1e-4})
    assert said in note
    assert not_said not in note


def test_what_is_told_is_told_everywhere_from_the_same_share_on(plugin):
    """GIMP's Python has no suite to ask."""
    assert plugin.procedures._MUCH_SATURATED == session.MUCH_SATURATED
    assert plugin.procedures._MUCH_AT_END == session.MUCH_AT_END
    assert plugin.procedures._NOTHING == facts._NOTHING


def test_blur_background_tells_of_its_threshold_and_of_a_close_call(entries, config):
    measured = {"noise_variance": 1e-4, "threshold": 1.5, "other_threshold": 2.504, "known_share": 0.7}
    procedure = entries[BACKGROUND]
    assert "up to 1.5 px" in procedure.note({}, measured)
    assert procedure.other_threshold(measured, config(procedure)) == 2.5
    assert procedure.other_threshold(measured, config(procedure, threshold=1.5)) is None
    assert procedure.other_threshold({**measured, "other_threshold": None}, config(procedure)) is None
    assert entries[SHARPEN].other_threshold(measured, config(entries[SHARPEN])) is None


@pytest.mark.parametrize("name", [MASK, SELECT, MAP, SHARPEN, BACKGROUND])
def test_hint_channels_go_along_with_every_request(entries, config, layer, new_file, name):
    chosen = config(entries[name], in_focus_channel=channel(layer.get_image()))
    entries[name].check(layer.get_image(), chosen)
    assert "in_focus" in entries[name].arguments(new_file, layer, chosen)
    assert set(entries[name].subject(new_file, layer, chosen)) == {"parameters", "in_focus"}


def test_every_option_is_in_one_group_and_most_are_folded(plugin, entries):
    for procedure in entries.values():
        groups = plugin.options.grouped(procedure.options, procedure.groups)
        names = [option.name for _, members in groups for option in members]
        assert sorted(names) == sorted(option.name for option in procedure.options)
        assert [title for title, _ in groups].count("") == 1
        assert len(groups[0][1]) <= 4
    known = [SimpleNamespace(name=name, group="mask") for name in ("one", "new")]
    groups = plugin.options.grouped(known, [("", ["one", "gone"])])
    assert [(title, [option.name for option in members]) for title, members in groups] == [
        ("", ["one"]),
        ("More", ["new"]),
    ]


def test_auto_is_told_where_the_measurement_knows_it(entries):
    options = {option.name: option for option in entries[MAP].options}
    measured = {"noise_variance": 1e-4, "max_radius": 8.0}
    assert options["noise"].found(measured) == pytest.approx(2.55)
    assert options["max-radius"].found(measured) == options["maximum"].found(measured) == 8.0
    assert options["noise"].found({}) is None
    threshold = next(option for option in entries[MASK].options if option.name == "threshold")
    assert threshold.found({"threshold": 1.5}) == 1.5
    assert threshold.short_label.replace("_", "") == "In focus up to (px)"


def own_map(image, says=None, name="map"):
    """A grey layer that holds radii, and says which is white if it is a blur map layer."""
    told = says and SimpleNamespace(get_data=lambda: says)
    return SimpleNamespace(get_image=lambda: image, get_name=lambda: name, get_parasite=lambda _name: told)


@pytest.mark.parametrize("name", [SHARPEN, BACKGROUND])
@pytest.mark.parametrize(
    ("says", "chosen", "white"), [(b"6.5", 0, 6.5), (b"6.5\0", 0, 6.5), (b"6.5", 3.0, 3.0), (None, 0, 0), (b"?", 0, 0)]
)
def test_a_map_of_one_s_own_goes_along_with_its_scale(
    plugin, entries, config, layer, new_file, monkeypatch, name, says, chosen, white
):
    image = layer.get_image()
    monkeypatch.setattr(plugin.pixels, "is_colored", lambda source: False)
    monkeypatch.setattr(
        plugin.pixels, "read_map", lambda source, layer, path: (path.write_bytes(b"") and "") or "uint8"
    )
    asked = config(entries[name], map_layer=own_map(image, says), map_white=chosen)
    entries[name].check(image, asked)
    arguments = entries[name].arguments(new_file, layer, asked)
    assert (arguments["map_dtype"], arguments["map_white"]) == ("uint8", white)
    assert entries[name].probed(new_file, layer, asked)["map_white"] == white
    file = SimpleNamespace(get_path=lambda: "/maps/radius.tif")
    arguments = entries[name].arguments(new_file, layer, config(entries[name], map_file=file))
    assert arguments["map_path"] == "/maps/radius.tif"
    assert "map" not in arguments
    assert entries[name].remarks(config(entries[name]), {}) == []
    assert "from radius.tif" in entries[name].remarks(config(entries[name], map_file=file), {})[0]
    (remark,) = entries[name].remarks(asked, {"max_radius": 8.0})
    assert f"“map”: white is {white or 8:g} px" in remark


def test_maps_that_cannot_be_used_are_refused(plugin, entries, config, layer, new_file, monkeypatch):
    image, procedure, problem = layer.get_image(), entries[BACKGROUND], plugin.problem.Problem
    file = SimpleNamespace(get_path=lambda: "/maps/radius.tif")
    monkeypatch.setattr(plugin.pixels, "is_colored", lambda source: source.get_name() == "flowers")
    for chosen, said in (
        ({"map_layer": own_map(image), "map_file": file}, "not both"),
        ({"map_layer": own_map(image, name="flowers")}, "“flowers” has colours"),
        ({"map_layer": own_map(mock.MagicMock())}, "another image"),
    ):
        with pytest.raises(problem, match=said):
            procedure.check(image, config(procedure, **chosen))
    layer.get_parasite.return_value = None
    with pytest.raises(problem, match="map of itself"):
        procedure.arguments(new_file, layer, config(procedure, map_layer=layer))


def test_half_a_point_and_a_range_that_ends_before_it_begins_are_refused(plugin, entries, config, layer):
    procedure = entries[BACKGROUND]
    for chosen, said in (
        ({"focus_x": 10.0}, "name one point"),
        ({"focus_y": 10.0}, "name one point"),
        ({"focus_from": 3.0, "threshold": 2.0}, "lies beyond"),
    ):
        with pytest.raises(plugin.problem.Problem, match=said):
            procedure.check(layer.get_image(), config(procedure, **chosen))
    whole = config(procedure, focus_x=10.0, focus_y=12.5)
    procedure.check(layer.get_image(), whole)
    assert procedure.focus(whole) == (10.0, 12.5)
    assert procedure.focus(config(procedure)) is None


def test_the_layer_s_mask_or_the_selection_can_say_what_is_in_focus(plugin, entries, config, layer, new_file):
    procedure, image = entries[BACKGROUND], layer.get_image()
    by_mask = config(procedure, subject="layer-mask")
    procedure.check(image, by_mask)
    with pytest.raises(plugin.problem.Problem, match="“flower” has no mask"):
        procedure.arguments(new_file, layer, by_mask)
    layer.get_mask.return_value = channel(image)
    assert {"in_focus", "blurred"} <= set(procedure.arguments(new_file, layer, by_mask))
    assert not procedure.hidden_by_mask(by_mask)
    assert procedure.hidden_by_mask(config(procedure))
    by_selection = config(procedure, subject="selection")
    with pytest.raises(plugin.problem.Problem, match="Nothing is selected"):
        procedure.check(image, by_selection)
    plugin.procedures.Gimp.Selection.is_empty.return_value = False
    procedure.check(image, by_selection)
    assert procedure.limit(image, config(procedure)) is not None
    assert procedure.limit(image, by_selection) is None
    with pytest.raises(plugin.problem.Problem, match="choose one"):
        procedure.check(image, config(procedure, subject="selection", in_focus_channel=channel(image)))


def test_lengths_are_in_the_scale_of_a_reduced_copy_and_back(plugin):
    look = plugin.first_look
    reduced = look.reduced_lengths({"threshold": 8.0, "softness": 5.0, "smoothness": 1.0, "max_radius": "auto"}, 0.25)
    assert reduced == {"threshold": 2.0, "softness": 1.25, "smoothness": 1.0, "max_radius": "auto"}
    assert look.reduced_lengths({"threshold": 0.2, "max_radius": 2.0}, 0.1) == {"threshold": 0.1, "max_radius": 1.0}
    facts = {"threshold": 2.0, "other_threshold": None, "in_focus_share": 0.5, "maximum": 8.0}
    assert look.in_full_scale(facts, 0.25) == {**facts, "threshold": 8.0, "maximum": 32.0}


def test_changes_are_seen_and_those_inside_a_selection_told_apart(plugin):
    shown = plugin.shown
    before = bytes(3 * 1000)
    after = bytes(3 * 500) + b"\x09" * (3 * 500)  # the second half is brighter
    assert shown.changes(before, before, None) == (0, 0)
    assert shown.changes(before, after, None) == (0.5, 1)
    first, last = b"\xff" * 500 + bytes(500), bytes(500) + b"\xff" * 500
    assert shown.changes(before, after, first) == (0.5, 0)
    assert shown.changes(before, after, last) == (0.5, 1)
    assert shown.changes(before, bytes(3 * 500) + b"\2" * (3 * 500), None)[0] == 0  # too little to be seen
    assert shown.nothing_changes(0)
    assert not shown.nothing_changes(0.5)
    assert shown.hardly_inside(0.01)
    assert not shown.hardly_inside(0.5)


def test_opacity_is_put_beside_the_colours(plugin):
    assert plugin.shown.with_opacity(b"abcdef", b"12") == b"abc1def2"


def test_only_the_worker_that_would_be_started_is_taken_over(plugin):
    settings = {"python": "/usr/bin/python3", "version": "0.1.0"}
    greeting = {"version": "0.1.0", "held": {"python": "/usr/bin/python3"}}
    assert plugin.suite._fits(greeting, settings)
    assert not plugin.suite._fits({**greeting, "version": "0.2.0"}, settings)
    assert not plugin.suite._fits({**greeting, "held": {"python": "/opt/python"}}, settings)
    assert not plugin.suite._fits({"version": "0.1.0"}, settings)
