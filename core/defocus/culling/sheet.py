"""Sheet: a contact sheet as one page that needs no server, with what is sharpest boxed."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["write_sheet"]

_SIDE = 300  # px of the thumbnails
_COLORS = {
    "sharp": "#2a9d4a",
    "soft": "#c9a400",
    "missed": "#8e44ad",
    "motion": "#d35400",
    "blurred": "#c0392b",
    "no evidence": "#5d6d7e",
}
_STYLE = """
body{font:15px system-ui,sans-serif;margin:0;background:#1d1f21;color:#ddd}
header{position:sticky;top:0;background:#26292c;padding:10px 16px;display:flex;gap:16px;flex-wrap:wrap;z-index:2}
header label{white-space:nowrap}select,button{font:inherit}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:14px;padding:16px}
figure{margin:0;background:#26292c;border-radius:6px;overflow:hidden}figure[hidden]{display:none}
.frame{position:relative;display:block;width:fit-content;margin:0 auto}img{display:block;max-width:100%}
.box{position:absolute;border:2px solid #fff;outline:1px solid #000;box-sizing:border-box}
.point{position:absolute;width:9px;height:9px;margin:-5px;border-radius:50%;border:2px solid #fff}
figcaption{padding:8px 10px;overflow-wrap:anywhere}.verdict{border-radius:4px;padding:1px 7px;color:#fff}
.reason{color:#aaa;font-size:13px}.best{color:#ffd54a}
"""
_SCRIPT = """
const main=document.querySelector('main'),all=[...main.children],sort=document.querySelector('#sort');
const boxes=[...document.querySelectorAll('header input[data-verdict]')],best=document.querySelector('#best');
function show(){const on=new Set(boxes.filter(b=>b.checked).map(b=>b.dataset.verdict));let n=0;
for(const f of all){f.hidden=!on.has(f.dataset.verdict)||(best&&best.checked&&!f.dataset.best);n+=!f.hidden}
document.querySelector('#count').textContent=n+' of '+all.length;
const key=sort.value,num=key!=='name';
[...all].sort((a,b)=>num?a.dataset[key]-b.dataset[key]:a.dataset.name.localeCompare(b.dataset.name)).forEach(f=>main.append(f))}
document.querySelector('header').addEventListener('change',show);show();
"""


def write_sheet(place: Path, rows: Sequence[tuple[Path, Mapping[str, object]]], *, overwrite: bool) -> None:
    """Write a contact sheet.

    Parameters
    ----------
    place : Path
    rows : sequence of Path and mapping
        Pictures with what `Sharpness.facts` says of them, the best first.
    overwrite : bool
        Whether it may replace a file that is there already.
    """
    from defocus.pictures.files import written_whole

    counts = {verdict: sum(facts["verdict"] == verdict for _, facts in rows) for verdict in _COLORS}
    choices = "".join(
        f"<label><input type=checkbox checked data-verdict='{verdict}'> {verdict} ({count})</label>"
        for verdict, count in counts.items()
        if count
    )
    if any("best" in facts for _, facts in rows):
        choices += "<label><input type=checkbox id=best> only the best of each burst</label>"
    with written_whole(place, overwrite=overwrite) as beside, beside.open("w", encoding="utf-8") as page:
        page.write(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>Contact sheet</title><style>{_STYLE}</style><header>{choices}"
            "<label>sorted by <select id=sort><option value=rank>verdict<option value=radius>sharpest radius"
            "<option value=share>share in focus<option value=name>name</select></label>"
            "<span id=count></span></header><main>"
        )
        for number, (file, facts) in enumerate(rows):
            page.write(_figure(number, file, facts))
        page.write(f"</main><script>{_SCRIPT}</script></html>")


def _figure(number: int, file: Path, facts: Mapping[str, object]) -> str:
    name, verdict = html.escape(file.name.encode("utf-8", "replace").decode(), quote=True), str(facts["verdict"])
    radius = facts["sharpest_radius_px"]
    measured = "" if radius is None else f" {radius:.1f} px, {100 * _number(facts['in_focus_share']):.0f} % in focus"
    drawn = ""
    box, center = facts["box"], facts["center"]
    if isinstance(box, list) and isinstance(center, list):
        left, top, right, bottom = (100 * _number(one) for one in box)
        x, y = (100 * _number(one) for one in center)
        size = f"width:{right - left:.2f}%;height:{bottom - top:.2f}%"
        drawn = f"<span class=box style='left:{left:.2f}%;top:{top:.2f}%;{size}'></span>"
        drawn += f"<span class=point style='left:{x:.2f}%;top:{y:.2f}%'></span>"
    best = " data-best=1" if facts.get("best") else ""
    star = "<span class=best title='among the best of its burst'>★</span> " if best else ""
    picture = _thumbnail(file)
    shown = f"<img loading=lazy alt='' src='data:image/jpeg;base64,{picture}'>" if picture else ""
    return (
        f"<figure data-verdict='{verdict}' data-rank={number} data-name='{name}'{best} "
        f"data-radius={1e9 if radius is None else radius} data-share={-_number(facts['in_focus_share'])}>"
        f"<span class=frame>{shown}{drawn}</span><figcaption>{star}{name}<br>"
        f"<span class=verdict style='background:{_COLORS[verdict]}'>{verdict}</span>{measured}"
        f"<div class=reason>{html.escape(str(facts['reason']))}</div></figcaption></figure>\n"
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _thumbnail(file: Path) -> str:
    """Return a small JPEG of a picture in base 64, upright; "" if there is none."""
    from defocus.pictures.reading import quietly_opened, upright

    try:
        with quietly_opened(file) as opened:
            opened.draft("RGB", (_SIDE, _SIDE))
            opened.thumbnail((2 * _SIDE, 2 * _SIDE))
            image = upright(opened)
            if image.mode.startswith("I"):  # Pillow cuts 16 bits off at 255
                image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
            image = image.convert("RGB")
        image.thumbnail((_SIDE, _SIDE))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
    except Exception:  # what was measured by other means need not be shown
        return ""
    return base64.b64encode(buffer.getvalue()).decode("ascii")
