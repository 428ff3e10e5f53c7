"""Documentation: tables that follow from the code are what the code says, and links of the README lead somewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from defocus.command.line import app
from defocus.psf.families import DiscPSF

ROOT = Path(__file__).resolve().parents[2]


def script(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "api.md", "method.md"])
def test_tables_are_not_stale(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert "<!-- table: " in text
    filled = script(ROOT / "docs" / "tables.py").filled(text)
    number = re.compile(r"\d+\.\d+(?:e-\d+)?")
    assert number.sub("NUMBER", filled) == number.sub("NUMBER", text), "run: python docs/tables.py"
    # What is measured may differ a little between processors
    shown, true = ([float(word) for word in number.findall(page)] for page in (text, filled))
    assert shown == pytest.approx(true, rel=0.02), "run: python docs/tables.py"


def test_links_of_the_readme_lead_to_files_here_and_to_the_projects_address_elsewhere():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)#][^)]*)\)", readme)]
    local = [link for link in links if not link.startswith("http")]
    assert len(local) > 10
    assert [link for link in local if not (ROOT / link).exists()] == []
    shown = script(ROOT / "setup.py").absolute_readme()
    assert not re.findall(r"\]\((?!https?:|#)", shown)
    assert "/raw/main/docs/images/overview.png)" in shown
    # A package index's readers have no clone: what they can do comes first
    assert re.search(r"^```sh\n(.*)$", shown, re.MULTILINE)[1] == "pip install napari-defocus"
    assert "make " not in shown.partition("## ")[0]
    assert re.search(r"^```sh\n(\w+ \w+)", readme, re.MULTILINE)[1] == "make demo"


@pytest.fixture
def a_readers_folder(tmp_path, monkeypatch):
    """What the pages speak of: the sample pictures, a lens and a series."""
    (tmp_path / "sample_data").mkdir()
    shutil.copy(ROOT / "sample_data" / "flower.jpg", tmp_path / "sample_data")
    discs = [np.pad(DiscPSF().kernel(radius), int(8 - radius)) for radius in (2.0, 8.0)]
    np.savez(tmp_path / "lens.npz", format=1, radii=np.array([2.0, 8.0]), kernels=np.stack(discs))
    with contextlib.suppress(ImportError):
        import dask.array as da

        da.to_zarr(da.random.random((2, 128, 160), chunks=(1, 128, 160)), tmp_path / "series.zarr")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", ["README.md", "docs/api.md", "docs/tutorials/programmer.md"])
def test_what_the_pages_say_of_python_runs_as_it_stands(page, a_readers_folder, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    names = {}
    for block in blocks:
        if "dask" in block:
            pytest.importorskip("dask.array")
            pytest.importorskip("zarr")
        exec(compile(block, page, "exec"), names)
    assert names["radius"].ndim == (3 if "defocus.dask" in "".join(blocks) else 2)  # of the series, which comes last
    assert names["sharp"].shape == names["picture"].color.shape


@pytest.fixture(scope="module")
def made_examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    script(ROOT / "docs" / "job_pictures.py").examples(folder)
    return folder


@pytest.fixture
def examples(made_examples, tmp_path, monkeypatch):
    """The folder that the pages about single jobs work in."""
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    shutil.copytree(made_examples, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "packages"), [("motion.md", []), ("masks.md", ["psd_tools", "OpenEXR"]), ("stacking.md", [])]
)
def test_commands_of_the_pages_about_jobs_say_what_the_pages_show(page, packages, examples, capsys):
    for package in packages:
        pytest.importorskip(package)
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    number = re.compile(r"\d+(?:\.\d+(?:e-\d+)?)?")
    blocks = re.findall(r"^    \$ defocus (.*)\n((?:    (?!\$ ).*\n)*)", text, re.MULTILINE)
    assert blocks
    for line, shown in blocks:
        assert app(shlex.split(line), result_action="return_value", exit_on_error=False) == 0, line
        expected, said = "".join(one[4:] + "\n" for one in shown.splitlines()), capsys.readouterr().out
        assert number.sub("NUMBER", said) == number.sub("NUMBER", expected), line
        numbers = [[float(one) for one in number.findall(words)] for words in (said, expected)]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.05, abs=0.05), line
        for name in re.findall(r"\w+\.(?:png|psd|tif|pfm|exr)", expected):
            assert list(examples.glob(f"*/{name}")), name
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        names = {}
        exec(compile(block, page, "exec"), names)
        assert names["found"].motion is not None


def test_what_the_pages_say_of_the_command_exists():
    """Every `defocus COMMAND --option` of the pages is one that the command takes."""
    known = {}
    said = 0
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for line in re.findall(r"^ *\$? ?(defocus [a-z][^#\n]*)", page.read_text(encoding="utf-8"), re.MULTILINE):
            command, *rest = line.split()[1:]
            if command not in known:
                shown = io.StringIO()
                with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
                    app([command, "--help"])
                known[command] = shown.getvalue()
            for option in re.findall(r"(?<!\S)--[a-z-]+", " ".join(rest)):
                said += 1
                assert option in known[command], f"{page.name}: {line}"
    assert said > 12
