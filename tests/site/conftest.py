"""The documentation in a real browser: what a page says of itself after a script that is put into it has run."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# What a script returns is left in the page, which is all that --dump-dom gives
_ASKED = """
<script>
addEventListener("load", async () => {
  const said = document.createElement("pre");
  said.id = "said-to-the-test";
  try { said.textContent = JSON.stringify(await (async () => { %s })()); }
  catch (error) { said.textContent = JSON.stringify({ error: `${error.stack}` }); }
  document.body.append(said);
});
</script>
"""


@pytest.fixture(scope="session")
def ask(tmp_path_factory):
    """A function that opens a page of a folder from disk, runs a script in it and returns what that returns."""
    browser = next(filter(None, map(shutil.which, _NAMES)), None)
    if browser is None:
        pytest.skip("there is no chromium")
    profile = tmp_path_factory.mktemp("chromium")

    def asked(page, script, query="", milliseconds=20_000):
        changed = page.with_name(f"asked-{page.name}")
        text = page.read_text(encoding="utf-8")
        changed.write_text(text.replace("</body>", _ASKED % script + "</body>"), encoding="utf-8")
        run = subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"),
                *("--force-color-profile=srgb", f"--virtual-time-budget={milliseconds}", "--window-size=1280,900"),
                *("--dump-dom", changed.as_uri() + query),
            ],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=True,
        )
        found = re.search(r'<pre id="said-to-the-test">(.*?)</pre>', run.stdout, re.DOTALL)
        assert found, f"the script did not end\n{run.stderr[-2000:]}"
        said = json.loads(html.unescape(found[1]))
        assert not isinstance(said, dict) or "error" not in said, said["error"]
        return said

    return asked
