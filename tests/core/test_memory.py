"""Memory: what does not fit is refused in one line before the work begins."""

import re
import subprocess
import sys

import numpy as np
import psutil
import pytest
from PIL import Image

from defocus import InputError, analyze, as_picture, load_image, magnify, memory, restore

LIMITED = """
import resource, sys
import numpy as np
import defocus
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]) * 2**20,) * 2)
from defocus.memory import _free_memory
free = _free_memory()
try:
    defocus.analyze(np.zeros((1200, 1600), np.float32), spacing=1)
except defocus.InputError as error:
    print(free / 2**20, error)
"""


def test_a_limit_of_the_process_is_seen_and_told():
    run = subprocess.run([sys.executable, "-c", LIMITED, "700"], capture_output=True, text=True, check=False)
    free, _, text = run.stdout.strip().partition(" ")
    assert 650 < float(free) <= 700, run.stderr
    assert text.startswith("the picture: measuring 1600 x 1200 px")
    assert text.count("GB") == 2
    assert "\n" not in text


def test_the_machine_has_what_another_library_says():
    total = psutil.virtual_memory().total + psutil.swap_memory().total
    assert memory._free_in_machine() <= total
    assert memory._free_in_machine() > 0.3 * psutil.virtual_memory().available


def test_a_container_leaves_what_it_has_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    assert memory._free_in_group() == np.inf
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._free_in_group() == np.inf
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 100\ninactive_file 300\nactive_file 50\n")
    assert memory._free_in_group() == 650


@pytest.mark.parametrize(
    "work",
    [
        lambda array, picture: as_picture(np.broadcast_to(np.uint8(0), (100_000, 100_000))),
        lambda array, picture: analyze(picture, spacing=1),
        lambda array, picture: restore(np.broadcast_to(picture.color, (900, 4000, 4000, 3))[0], array),
        lambda array, picture: magnify(picture, array),
    ],
)
@pytest.mark.lengthy
def test_every_step_refuses_what_does_not_fit(work, monkeypatch):
    array = np.zeros((4000, 4000), np.float32)
    picture = as_picture(array)
    monkeypatch.setattr(memory, "_free_memory", lambda: 100e6)
    with pytest.raises(InputError, match=r"GB of memory or more, and 0\.1 GB are free") as caught:
        work(array, picture)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["claims.png", "claims.tif"])
def test_a_file_is_refused_by_its_header(name, tmp_path, monkeypatch):
    file = tmp_path / name
    Image.new("RGB", (4000, 4000)).save(file)
    file.write_bytes(file.read_bytes()[:-1000] + bytes(1000))  # what was read would be found to be damaged
    monkeypatch.setattr(memory, "_free_memory", lambda: 100e6)
    with pytest.raises(InputError, match=f"^{re.escape(name)}: 4000 x 4000 px takes 0.2 GB"):
        load_image(file)


def test_what_fits_is_done(monkeypatch):
    monkeypatch.setattr(memory, "_free_memory", lambda: 0.0)  # a guess of the system's stops no small picture
    assert analyze(np.random.default_rng(0).random((100, 120))).shape == (100, 120)
