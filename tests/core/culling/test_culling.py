"""Culling: verdicts on pictures of known blur, motion of known direction, and what is done with many files."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

import defocus
from defocus.command.facts import schema
from defocus.command.line import app
from defocus.culling import sharpness, sharpness_of_file
from defocus.culling.bursts import Taken, best_of, bursts, taken_at
from defocus.culling.motion import motion_blur, motion_evidence
from defocus.culling.xmp import write_sidecar
from defocus.errors import InputError
from defocus.psf.simulation import simulate_blur
from defocus.tuning import TUNING


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def scene(samples):
    """A photograph that is sharp everywhere, float32 (H, W, 3)."""
    return defocus.load_image(samples / "china.jpg").color


def run(*arguments):
    return app([str(item) for item in arguments], result_action="return_value", exit_on_error=False)


def eight_bits(values):
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def spread(color, radius):
    return np.dstack([simulate_blur(color[..., i], radius) for i in range(3)])


def moved(gray, length, angle):
    """Moved along a straight line: the mean of copies, shifted by parts of it."""
    steps = np.linspace(-length / 2, length / 2, 2 * length + 1)
    shift = [(-step * np.sin(np.deg2rad(angle)), step * np.cos(np.deg2rad(angle))) for step in steps]
    return np.mean([ndimage.shift(gray, one, order=3, mode="reflect") for one in shift], axis=0)


def test_more_blur_is_ranked_behind_less_and_judged_worse(scene):
    found = [sharpness(eight_bits(spread(scene, radius) if radius else scene)) for radius in (0.0, 2.5, 5.0)]
    assert [one.verdict for one in found] == ["sharp", "soft", "blurred"]
    for one, radius in zip(found, (0.4, 2.5, 5.0), strict=True):
        assert abs(one.radius - radius) < 0.8
        assert one.radius_share == pytest.approx(one.radius / np.hypot(one.width, one.height))
        assert f"{one.radius:.1f} px" in one.reason


def test_a_sharp_subject_before_a_blurred_ground_is_sharp_and_is_found(scene):
    height, width = scene.shape[:2]
    mask = np.zeros((height, width, 1), bool)
    mask[120:330, 360:560] = True
    found = sharpness(eight_bits(np.where(mask, scene, spread(scene, 6.0))))
    assert found.verdict == "sharp"
    x, y = found.center
    assert mask[int(y * height), int(x * width)]
    left, top, right, bottom = found.box
    assert left <= x <= right
    assert top <= y <= bottom
    inside = mask[int(top * height) : int(bottom * height), int(left * width) : int(right * width)].mean()
    assert inside > 0.5
    assert 0.05 < found.in_focus_share < 0.35  # the subject is 15 % of it


def test_a_sharp_border_before_a_blurred_middle_is_missed_focus(scene):
    height, width = scene.shape[:2]
    strip = np.zeros((height, width, 1), bool)
    strip[height - 90 :] = True
    found = sharpness(eight_bits(np.where(strip, scene, spread(scene, 6.0))))
    assert found.verdict == "missed"
    assert "middle of the picture" in found.reason
    assert found.center[1] > 0.75


@pytest.mark.parametrize("shape", [(60, 80), (300, 400)])
def test_flat_pictures_give_no_evidence(shape):
    found = sharpness(np.full(shape, 0.4))
    assert (found.verdict, found.radius, found.box, found.center) == ("no evidence", None, None, None)
    jsonschema.validate({"version": 1, "input": "a", **found.facts()}, schema())


def test_a_large_jpeg_is_judged_in_full_size_by_its_decisive_parts(scene, tmp_path):
    """A blur of 2.5 px in full size is none in the reduced look; the file and the array are judged alike."""
    tiles = np.tile(scene, (5, 4, 1))  # 2135 x 2560 px
    for name, radius in (("sharp", 0.0), ("blurred", 3.0)):
        values = eight_bits(spread(tiles, radius) if radius else tiles)
        Image.fromarray(values).save(tmp_path / f"{name}.jpg", quality=95)
    sharp, blurred = (sharpness_of_file(tmp_path / f"{name}.jpg") for name in ("sharp", "blurred"))
    assert (sharp.width, sharp.height) == (2560, 2135)
    assert sharp.radius < 1.2
    assert abs(blurred.radius - 3) < 0.8
    whole = sharpness(defocus.load_image(tmp_path / "blurred.jpg"))
    assert abs(whole.radius - blurred.radius) < 0.5
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.open(tmp_path / "sharp.jpg").save(tmp_path / "turned.jpg", quality=95, exif=turned)
    found = sharpness_of_file(tmp_path / "turned.jpg")
    assert (found.width, found.height) == (2135, 2560)


@pytest.mark.parametrize("angle", [0, 34, 64, 90, 124, 150])  # at those that are tried and between them
@pytest.mark.parametrize(("length", "radius"), [(6, 0), (12, 0), (8, 2), (16, 2)])
def test_motion_is_told_with_angle_and_length(scene, length, radius, angle):
    gray = moved(scene @ np.float32([0.299, 0.587, 0.114]), length, angle)
    gray = simulate_blur(gray, float(radius)) if radius else gray
    noise = np.random.default_rng(angle).normal(0, 0.004, gray.shape)  # as of a camera
    crops = [(gray + noise)[40:-40, 40:-40].astype(np.float32)]
    found = motion_blur(crops, 1.5, TUNING.culling)
    assert found is not None
    assert abs((found.angle - angle + 90) % 180 - 90) <= 10
    assert abs(found.length - length) <= 0.25 * length


@pytest.mark.parametrize("radius", [1.5, 3.0, 5.0])
def test_defocus_is_no_motion(scene, samples, radius):
    for picture in (scene, defocus.load_image(samples / "coffee.jpg").color):
        assert sharpness(eight_bits(spread(picture, radius))).motion is None


def test_a_moved_picture_is_judged_as_such(scene):
    found = sharpness(np.dstack([eight_bits(moved(scene[..., i], 10, 30)) for i in range(3)]))
    assert found.verdict == "motion"
    assert f"{found.motion.length:.0f} px" in found.reason
    assert motion_evidence([np.zeros((20, 20), np.float32)], TUNING.culling) is None  # too little to see


def test_bursts_follow_times_else_numbers():
    files = [Path(f"{name}.jpg") for name in ("a1", "a2", "b1", "x7", "x8", "x10", "y")]
    when = dict.fromkeys(files, Taken(None, ""))
    for file, time in zip(files[:3], (10.0, 11.5, 20.0), strict=True):
        when[file] = Taken(time, "camera")
    groups = bursts(files, when, 2.0)
    assert [groups[file] for file in files] == ["a1", "a1", "b1", "x7", "x7", "x10", "y"]
    facts = {file: {"verdict": "sharp", "sharpest_radius_share": 0.5 - i / 100} for i, file in enumerate(files)}
    facts[files[4]]["verdict"] = "blurred"
    assert {file.stem for file in best_of(groups, facts, 1)} == {"a2", "b1", "x7", "x10", "y"}


def test_the_time_is_that_of_exif(tmp_path):
    exif = Image.Exif()
    exif[0x0110] = "Camera"
    exif.get_ifd(0x8769)[0x9003], exif.get_ifd(0x8769)[0x9291] = "2024:05:06 07:08:09", "25"
    Image.new("L", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    found = taken_at(tmp_path / "a.jpg")
    assert found.camera == "Camera"
    assert found.time % 86400 == 7 * 3600 + 8 * 60 + 9.25
    (tmp_path / "bad.jpg").write_bytes(b"")
    assert taken_at(tmp_path / "bad.jpg").time is None


@pytest.fixture
def shots(scene, tmp_path):
    """A folder of three small pictures and a bad one."""
    folder = tmp_path / "shots"
    folder.mkdir()
    part = scene[100:300, 200:400]
    Image.fromarray(eight_bits(part)).save(folder / "sharp1.png")
    Image.fromarray(eight_bits(spread(part, 5.0))).save(folder / "sharp2.png")
    Image.fromarray(np.full((80, 80), 90, np.uint8)).save(folder / "flat.png")
    (folder / "bad.png").write_text("nothing")
    return folder


VERDICTS = {"sharp1.png": "sharp", "sharp2.png": "blurred", "flat.png": "no evidence"}


def test_the_command_judges_a_folder_and_remembers(shots, capsys, monkeypatch):
    assert run("cull", shots, "--json") == 1
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    for line in lines:
        jsonschema.validate(line, schema())
    assert {Path(line["input"]).name: line.get("verdict") for line in lines} == {**VERDICTS, "bad.png": None}
    assert "bad.png" in told.err

    import defocus.culling

    def never(*arguments, **options):
        raise AssertionError("is measured again")

    (shots / "bad.png").unlink()
    monkeypatch.setattr(defocus.culling, "sharpness_of_file", never)
    assert run("cull", shots, "--json") == 0  # the second run measures nothing
    again = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["input"]: line for line in again} == {line["input"]: line for line in lines if "error" not in line}
    (shots / "flat.png").write_bytes((shots / "sharp1.png").read_bytes())  # but for what has changed
    assert run("cull", shots, "--json") == 1
    assert "flat.png" in capsys.readouterr().err
    assert run("cull", shots, "--no-cache", "--quiet") == 1


def test_tables_are_sorted_and_the_best_are_marked(shots, tmp_path, capsys):
    (shots / "bad.png").unlink()
    assert run("cull", shots, "--best-of", 1, "--sort", "verdict", "--csv", tmp_path / "t.csv") == 0
    shown = capsys.readouterr().out
    assert shown.index("sharp1.png") < shown.index("sharp2.png") < shown.index("flat.png")
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [(row["verdict"], row["burst"], row["best"]) for row in rows] == [
        ("sharp", "sharp1", "True"),
        ("blurred", "sharp1", "False"),
        ("no evidence", "flat", "True"),
    ]
    with pytest.raises(InputError, match="is there already"):
        run("cull", shots, "--csv", tmp_path / "t.csv")


@pytest.mark.parametrize("how", ["move", "copy", "link"])
def test_pictures_are_sorted_and_none_is_lost(shots, tmp_path, capsys, how):
    (shots / "bad.png").unlink()
    before = {file.name: file.read_bytes() for file in shots.iterdir()}
    (shots / "flat.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    out = tmp_path / "out"
    assert run("cull", shots, f"--{how}", out, "--dry-run") == 0
    assert f"would {how} " in capsys.readouterr().out
    assert not out.exists()
    (out / "sharp").mkdir(parents=True)
    (out / "sharp" / "sharp1.png").write_text("mine")
    with pytest.raises(InputError, match="nothing was done"):
        run("cull", shots, f"--{how}", out)
    assert [file.name for file in out.rglob("*.*")] == ["sharp1.png"]
    assert {file.name for file in shots.iterdir()} == {*before, "flat.xmp"}
    shutil.rmtree(out)
    assert run("cull", shots, f"--{how}", out) == 0
    for name, verdict in VERDICTS.items():
        assert (out / verdict.replace(" ", "_") / name).read_bytes() == before[name]
    assert (out / "no_evidence" / "flat.xmp").exists()
    assert (out / "sharp" / "sharp1.png").is_symlink() == (how == "link")
    assert {file.name for file in shots.iterdir()} == (set() if how == "move" else {*before, "flat.xmp"})


def test_two_files_for_one_place_are_refused(shots, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(shots / "sharp1.png", other / "sharp1.png")
    with pytest.raises(InputError, match="would both become"):
        run("cull", shots / "sharp1.png", other / "sharp1.png", "--move", tmp_path / "out")
    assert (shots / "sharp1.png").exists()
    assert (other / "sharp1.png").exists()


OTHERS = """<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:darktable="http://darktable.sf.net/" xmp:Rating="1" darktable:history_end="7">
<xmp:Label>Old</xmp:Label><dc:subject><rdf:Bag><rdf:li>holiday</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end='w'?>"""


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_sidecars_keep_what_others_wrote_and_exiftool_reads_them(tmp_path, scene):
    facts = sharpness(eight_bits(scene[:200, :200])).facts()
    (tmp_path / "a.jpg").write_bytes(b"a picture")
    (tmp_path / "b.jpg").write_bytes(b"a picture")
    (tmp_path / "b.jpg.xmp").write_text(OTHERS)
    assert write_sidecar(tmp_path / "a.jpg", facts) == tmp_path / "a.xmp"
    assert write_sidecar(tmp_path / "b.jpg", facts) == tmp_path / "b.jpg.xmp"
    assert write_sidecar(tmp_path / "b.jpg", facts) == tmp_path / "b.jpg.xmp"  # once more changes nothing
    for name in ("a.xmp", "b.jpg.xmp"):
        read = subprocess.run(["exiftool", "-json", "-G", tmp_path / name], capture_output=True, check=True).stdout
        (said,) = json.loads(read)
        assert (said["XMP:Rating"], said["XMP:Label"], said["XMP:Verdict"]) == (4, "Green", "sharp")
    assert said["XMP:Subject"] == "holiday"
    assert str(said["XMP:HistoryEnd"] if "XMP:HistoryEnd" in said else said["XMP:History_end"]) == "7"
    text = (tmp_path / "b.jpg.xmp").read_text()
    assert 'xmlns:darktable="http://darktable.sf.net/"' in text
    assert "Old" not in text


@pytest.mark.parametrize("text", ["no xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"])
def test_a_sidecar_that_is_none_stays(tmp_path, text):
    (tmp_path / "a.xmp").write_text(text)
    facts = {"verdict": "sharp", "sharpest_radius_px": 1.0}
    with pytest.raises(InputError, match="stays as it is"):
        write_sidecar(tmp_path / "a.jpg", facts)
    assert (tmp_path / "a.xmp").read_text() == text


def test_the_sheet_shows_every_picture_and_its_box(shots, tmp_path):
    (shots / "bad.png").unlink()
    assert run("cull", shots, "--sheet", tmp_path / "sheet.html", "--quiet") == 0
    page = (tmp_path / "sheet.html").read_text()
    assert page.count("<figure ") == page.count("data:image/jpeg;base64,") == 3
    assert page.count("class=box") == 2  # what gives no evidence has none
    assert "http" not in page.replace("data:image", "")  # nothing is loaded from elsewhere


def test_a_killed_run_goes_on_where_it_was(scene, tmp_path, monkeypatch, capsys):
    for number in range(8):
        Image.fromarray(eight_bits(scene[: 60 + number, :80])).save(tmp_path / f"{number}.png")
    program = [sys.executable, "-c", "from defocus.command.line import main; main()"]
    command = [*program, "cull", str(tmp_path), "--json", "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        told = [json.loads(running.stdout.readline())["input"] for _ in range(2)]
        running.kill()
        told += [json.loads(line)["input"] for line in running.stdout.read().splitlines()]
    assert running.returncode == -signal.SIGKILL
    assert len(told) < 8
    measured = []

    def noted(file, **options):
        measured.append(str(file))
        return sharpness_of_file(file, **options)

    monkeypatch.setattr("defocus.culling.sharpness_of_file", noted)
    assert run("cull", tmp_path, "--json", "--jobs", "1") == 0
    everything = {str(tmp_path / f"{number}.png") for number in range(8)}
    assert {json.loads(line)["input"] for line in capsys.readouterr().out.splitlines()} == everything
    # What was told was kept; of the last, which was told as the end came, that is not sure
    assert set(told[:-1]).isdisjoint(measured)
    assert everything - set(told) <= set(measured)


def test_a_channel_is_chosen_and_kept_apart(scene, tmp_path, capsys):
    sharp, soft = eight_bits(scene[:200, :200, 1]), eight_bits(spread(scene[:200, :200], 5.0)[..., 1])
    tifffile.imwrite(tmp_path / "two.ome.tif", np.stack([sharp, soft]), metadata={"axes": "CYX"})
    assert run("cull", tmp_path / "two.ome.tif") == 1
    assert "choose one with --channel" in capsys.readouterr().err
    radii = []
    for channel in "01":
        assert run("cull", tmp_path / "two.ome.tif", "--json", "--channel", channel) == 0
        radii.append(json.loads(capsys.readouterr().out)["sharpest_radius_px"])
    assert radii[0] < 1.5
    assert radii[1] == pytest.approx(5, abs=1)
