"""Habits of the shell: odd names, folders, standard streams, going on, several processes, completion, manual."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from defocus.command.facts import schema
from defocus.command.line import EXIT_CODES, app
from defocus.errors import InputError


@pytest.fixture(autouse=True)
def _own_log(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def run(*arguments):
    return app([str(item) for item in arguments], result_action="return_value", exit_on_error=False)


def program(*arguments, **options):
    command = [sys.executable, "-m", "defocus.command.line", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=300, **options)


def picture(file, seed=0, **saved):
    file.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 255, (60, 70, 3), np.uint8)
    kind = None if file.suffix in Image.registered_extensions() else "PNG"
    Image.fromarray(values).save(file, format=kind, **saved)
    return file


def names(folder):
    return sorted(str(item.relative_to(folder)) for item in folder.rglob("*") if item.is_file())


@pytest.mark.parametrize("name", ["[2024] holiday.png", '["1.png"]', "{a}.png", "-.png", "%d.png", "a=b.png", " .png"])
def test_any_name_is_a_name(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / name)
    picture(tmp_path / "1.png")
    assert run("info", name if not name.startswith("-") else f"./{name}", "--json") == 0
    assert Path(json.loads(capsys.readouterr().out)["input"]).name == name
    assert run("mask", tmp_path / name, "-o", "out") == 0
    assert names(tmp_path / "out") == [f"{Path(name).stem}_mask.png"]


def test_a_newline_in_a_name_splits_no_line(tmp_path, capsys):
    bad = tmp_path / "two\nlines.png"
    bad.write_text("nothing")
    assert run("info", picture(tmp_path / "one\nline.png"), bad) == 1
    told = capsys.readouterr()
    assert told.out.count("\n") == told.err.count("\n") == 1
    assert told.out.startswith("one\\nline.png: 70 x 60 px")
    assert "two\\nlines.png" in told.err


def test_a_second_result_is_written_after_the_first(tmp_path, capsys):
    file, out = picture(tmp_path / "a.png"), tmp_path / "out"
    assert run("mask", file, "-o", out) == 0
    before = (out / "a_mask.png").stat().st_mtime_ns
    capsys.readouterr()
    assert run("mask", file, "-o", out, "--layer") == 0
    assert names(out) == ["a_layer.png", "a_mask.png"]
    assert (out / "a_mask.png").stat().st_mtime_ns == before
    told = capsys.readouterr().out
    assert "a_mask.png was there already and stays" in told
    assert told.endswith("-> a_layer.png\n")


def test_going_on_is_no_failure_when_asked_for(tmp_path, capsys):
    files, out = [picture(tmp_path / f"{i}.png", i) for i in range(4)], tmp_path / "out"
    assert run("mask", *files[:3], "-o", out) == 0
    kept = [(out / f"{i}_mask.png").stat().st_mtime_ns for i in range(3)]
    capsys.readouterr()
    assert run("mask", *files, "-o", out, "--skip-existing") == 0
    told = capsys.readouterr()
    assert (told.out.count("\n"), told.err) == (1, "")
    assert run("mask", *files, "-o", out) == 1  # unasked it is told, in one line for all
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert "4 pictures" in told.err
    assert "--skip-existing" in told.err
    assert [(out / f"{i}_mask.png").stat().st_mtime_ns for i in range(3)] == kept


def test_folders_are_walked_and_their_results_lie_as_they_do(tmp_path, capsys):
    shots, out = tmp_path / "shots", tmp_path / "shots" / "out"
    for name in ("b.png", "a.jpg", "inner/a.png", "inner/deep/c.webp", ".hidden/x.png", ".h.png"):
        picture(shots / name)
    (shots / "notes.txt").write_text("no picture")
    assert run("mask", shots, "-o", out) == 0
    assert names(out) == ["a_mask.png", "b_mask.png"]
    assert run("mask", shots, "-o", out, "--recursive", "--skip-existing") == 0
    assert names(out) == ["a_mask.png", "b_mask.png", "inner/a_mask.png", "inner/deep/c_mask.png"]
    capsys.readouterr()
    assert run("info", shots, "--recursive", "--json") == 0  # results in a folder are pictures like others
    assert len(capsys.readouterr().out.splitlines()) == 8


def test_results_beside_the_pictures_are_not_taken_for_pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "a.png")
    assert run("mask", ".", "-o", ".") == 0
    picture(tmp_path / "b.png")
    assert run("mask", ".", "-o", ".", "--skip-existing") == 0
    assert names(tmp_path) == ["a.png", "a_mask.png", "b.png", "b_mask.png"]


def test_names_are_as_asked(tmp_path):
    file, other = picture(tmp_path / "in" / "a.png"), picture(tmp_path / "in" / "a.jpg")
    assert run("mask", file, other, "-o", tmp_path / "colmap", "--names", "{name}") == 0
    assert names(tmp_path / "colmap") == ["a.jpg.png", "a.png.png"]
    assert run("mask", file, "-o", tmp_path / "s", "--suffix", "-alpha", "--layer") == 0
    assert names(tmp_path / "s") == ["a-alpha.png", "a_layer.png"]
    assert run("map", file, "-o", tmp_path / "p", "--names", "{folder}/{what}/{stem}") == 0
    assert names(tmp_path / "p") == ["in/blur/a.tif"]
    for pattern in ("{what}", "{stem", "{nothing}", "{0}"):
        with pytest.raises(InputError, match="names"):
            run("mask", file, "-o", tmp_path / "bad", "--names", pattern)
    with pytest.raises(InputError, match="same names"):
        run("mask", file, other, "-o", tmp_path / "bad")


def test_standard_input_and_output(tmp_path):
    data = picture(tmp_path / "a.png").read_bytes()
    done = program("mask", "-", "-o", "-", input=data)
    assert (done.returncode, done.stderr) == (0, b"")
    piped = Image.open(io.BytesIO(done.stdout))
    assert run("mask", tmp_path / "a.png", "-o", tmp_path / "out") == 0
    np.testing.assert_array_equal(np.asarray(piped), np.asarray(Image.open(tmp_path / "out" / "a_mask.png")))
    told = program("info", "-", "--json", input=data)
    assert json.loads(told.stdout)["input"] == "-"
    assert program("mask", "-", "-o", tmp_path / "named", input=data).returncode == 0
    assert names(tmp_path / "named") == ["stdin_mask.png"]
    bad = program("mask", "-", "-o", "-", input=b"nothing")
    assert (bad.returncode, bad.stdout, bad.stderr.count(b"\n")) == (1, b"", 1)
    with pytest.raises(InputError, match="one picture"):
        run("mask", tmp_path / "a.png", picture(tmp_path / "b.png"), "-o", "-")
    with pytest.raises(InputError, match="once"):
        run("info", "-", "-")


def test_quiet_prints_failures_only(tmp_path, capsys):
    (tmp_path / "bad.png").write_text("nothing")
    assert run("info", picture(tmp_path / "a.png"), tmp_path / "bad.png", "--quiet") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "bad.png" in told.err


def test_clashes_are_found_without_comparing_each_with_each(tmp_path, monkeypatch):
    """Each look at a file system counts: some for each file, not for each pair."""
    from defocus.command.batch import settled
    from defocus.command.inputs import Pictures
    from defocus.command.names import Naming
    from defocus.command.options import ResultOptions

    files = [tmp_path / f"{i}.png" for i in range(500)]
    looks = 0
    whole = os.stat

    def stat(*arguments, **options):
        nonlocal looks
        looks += 1
        return whole(*arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    naming = Naming(tmp_path / "out")
    free, finished = settled(Pictures(files, {}, {}), lambda file: naming(file, "mask.png"), ResultOptions())
    assert (len(free), finished) == (500, [])
    assert 500 <= looks <= 5000


def test_several_processes_do_what_one_does(tmp_path, capsys):
    files = [picture(tmp_path / f"{i}.png", i) for i in range(5)]
    (tmp_path / "bad.png").write_text("nothing")
    assert run("map", *files, tmp_path / "bad.png", "-o", tmp_path / "two", "--jobs", 2, "--json") == 1
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert {Path(line["input"]).name for line in lines} == {*(f"{i}.png" for i in range(5)), "bad.png"}
    assert told.err.count("\n") == 1
    assert run("map", *files, "-o", tmp_path / "one") == 0
    for i in range(5):
        one, two = (tifffile.imread(tmp_path / name / f"{i}_blur.tif") for name in ("one", "two"))
        np.testing.assert_array_equal(one, two)


def dies(file, progress):
    """Work that ends its process for one of the files."""
    if file.name == "2":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"width": 1}


def fails(file, progress):
    """Work with a fault, and one that cannot be sent back."""

    class LocalError(Exception):
        pass

    raise LocalError("cannot be sent") if file.name == "1" else ZeroDivisionError("by zero")


def test_a_process_that_ends_takes_no_other_file_with_it():
    from defocus.command.processes import in_processes

    files = [Path(str(i)) for i in range(6)]
    found = dict(in_processes(files, dies, 2, lambda done, text: None))
    assert set(found) == set(files)
    failed = {file.name for file, facts in found.items() if isinstance(facts, Exception)}
    assert failed == {"2"}
    assert "ended" in str(found[Path("2")])


def test_faults_come_back_from_other_processes():
    from defocus.command.processes import in_processes

    found = dict(in_processes([Path("1"), Path("2")], fails, 2, lambda done, text: None))
    assert "cannot be sent" in str(found[Path("1")])
    assert isinstance(found[Path("2")], ZeroDivisionError)
    assert "in fails" in "".join(found[Path("2")].__notes__)


def test_a_signal_ends_all_processes_and_leaves_nothing_half(tmp_path):
    for i in range(40):
        picture(tmp_path / "in" / f"{i}.png", i)
    command = [sys.executable, "-m", "defocus.command.line", "map", tmp_path / "in", "-o", tmp_path / "out", "-j", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()  # one is done
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    processes = children.read_text().split() if children.exists() else []
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert error == "defocus: stopped\n"
    assert not list((tmp_path / "out").glob(".*"))
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{one}").exists() for one in processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [one for one in processes if Path(f"/proc/{one}").exists()]
    assert program("map", tmp_path / "in", "-o", tmp_path / "out", "--skip-existing", "-j", 2).returncode == 0
    assert len(names(tmp_path / "out")) == 40


def test_json_is_as_its_schema_says(tmp_path, capsys):
    assert run("schema") is None
    printed = json.loads(capsys.readouterr().out)
    assert printed == schema()
    jsonschema.Draft202012Validator.check_schema(printed)
    (tmp_path / "bad.png").write_text("nothing")
    for command in (("info",), ("map", "-o", tmp_path), ("mask", "-o", tmp_path), ("magnify", "-o", tmp_path)):
        assert run(*command, picture(tmp_path / "in" / "a.png"), tmp_path / "bad.png", "--json") == 1
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        for line in lines:
            jsonschema.validate(json.loads(line), printed)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "input": "a.png", "sharpness": 3}, printed)


def test_help_tells_exit_codes_and_no_names_of_the_parser(tmp_path):
    for command in ([], ["mask"], ["info"]):
        shown = program(*command, "--help").stdout.decode()
        assert "Exit codes: 0 " in shown
        assert "--inputs" not in shown
        assert "--empty-range" not in shown
    shown = program("mask", "--help").stdout.decode()
    assert "--blades N" in shown
    for words in (["mask"], ["nonsense"], ["mask", picture(tmp_path / "a.png"), "-o", tmp_path, "--nonsense"]):
        assert program(*words).returncode == 2
    assert 2 in EXIT_CODES


def test_help_names_what_is_meant_and_no_types_of_python():
    for command in sorted(name for name in app if not name.startswith("-")):
        done = program(command, "--help")
        assert done.returncode == 0
        shown = done.stdout.decode()
        assert f"Usage: defocus {command}" in shown
        assert not re.search(r"\b(STR|INT|FLOAT|PATH|LIST|INPUTS|BOOL)\b", shown), shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_understood_by_its_shell(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "completion"
    script.write_bytes(program("completion", shell).stdout)
    assert "skip-existing" in script.read_text()
    checked = subprocess.run([shell, "-n", script], capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


def _read(terminal):
    """What comes next; nothing if there is nothing for a minute."""
    ready, _, _ = select.select([terminal], [], [], 60)
    return os.read(terminal, 4096) if ready else b""


def completed(shell, words, folder):
    """What a shell with the completion installed as docs/cli.md says completes words to: all that it shows."""
    script = folder / "_defocus"
    script.write_bytes(program("completion", shell).stdout)
    if shell == "bash":
        function = r"$(complete -p defocus | sed 's/.*-F \([^ ]*\).*/\1/')"
        listed = words.split(" ")
        asked = f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(listed) - 1}; COMP_LINE='{words}'"
        asked += f"; {function} defocus '{listed[-1]}' '{listed[-2]}'; echo ${{COMPREPLY[@]}}"
        return subprocess.run(["bash", "-c", asked], cwd=folder, capture_output=True, text=True, check=True).stdout
    if shell == "fish":
        asked = f"source {script}; complete -C '{words}'"
        return subprocess.run(["fish", "-c", asked], cwd=folder, capture_output=True, text=True, check=True).stdout
    (folder / ".zshrc").write_text(
        f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -d {folder}/.dump; PS1='ready> '\n"
    )
    terminal, inside = pty.openpty()
    environment = {**os.environ, "ZDOTDIR": str(folder), "TERM": "dumb", "COLUMNS": "200"}
    shell_command = ["setsid", "--ctty", "zsh", "-i"]
    process = subprocess.Popen(shell_command, cwd=folder, env=environment, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    seen = b""
    with contextlib.suppress(OSError):  # of a terminal whose shell has ended
        while b"ready> " not in seen:
            more = _read(terminal)
            assert more, seen
            seen += more
        os.write(terminal, words.encode() + b"\t\t\x15exit\n")  # the line is taken back, then the shell ends
        while more := _read(terminal):
            seen += more
    os.close(terminal)
    process.wait(60)
    return seen.decode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_completes_commands_options_words_and_files(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    picture(tmp_path / "harbour.png")
    for words, expected in (
        ("defocus ma", {"map", "mask", "magnify"}),
        ("defocus mask --sk", {"--skip-existing"}),
        ("defocus mask --kind ", {"photograph", "fluorescence"}),
        ("defocus cull --sort ", {"radius", "verdict"}),
        ("defocus cull har", {"harbour.png"}),
    ):
        shown = completed(shell, words, tmp_path)
        assert all(one in shown for one in expected), (words, shown)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_is_a_manual_page_with_every_option():
    page = program("man").stdout
    done = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-cbou"], input=page, capture_output=True, check=True)
    assert done.stderr == b""
    text = done.stdout.decode()
    for word in ("--skip-existing", "--edge-sensitivity", "defocus mask", "EXIT STATUS", "-o FOLDER"):
        assert word in text, word


@pytest.mark.parametrize("bits", [8, 16])
def test_profile_and_metadata_are_kept(tmp_path, bits):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "A maker of cameras", 6  # turned by a quarter
    file = tmp_path / "a.png"
    values = np.random.default_rng(0).integers(0, 255, (60, 70, 3), np.uint8)
    Image.fromarray(values).save(file, icc_profile=profile, exif=exif)
    if bits == 16:
        from defocus.pictures.files import write_picture
        from defocus.pictures.metadata import read_metadata

        write_picture(tmp_path / "b.png", values / 255, bit_depth=16, metadata=read_metadata(file))
        file = tmp_path / "b.png"
    assert run("mask", file, "-o", tmp_path / "out", "--layer") == 0
    with Image.open(tmp_path / "out" / f"{file.stem}_layer.png") as made:
        assert made.size == ((60, 70) if bits == 8 else (70, 60))
        assert made.info["icc_profile"] == profile
        assert made.getexif()[0x010F] == "A maker of cameras"
        assert 0x0112 not in made.getexif()  # it stands upright now
    assert (tmp_path / "out" / f"{file.stem}_layer.png").read_bytes()[24] == bits
