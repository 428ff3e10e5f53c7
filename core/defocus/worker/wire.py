"""What the worker process holds, and how it answers the requests of the protocol in `defocus.worker`."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import math
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus import __version__
from defocus.errors import Cancelled, DefocusError, InputError
from defocus.parameters import PARAMETERS, MagnificationParameters, describe
from defocus.session import REQUESTS, Question, Result, Session
from defocus.worker.client import PROTOCOL
from defocus.worker.fields import RequestError, checked, files_of
from defocus.worker.strokes import painted, painted_rim
from defocus.worker.trimap import trimap

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

__all__ = ["WorkerSession"]

_LARGEST_ID = 2**53  # whole numbers that every JSON reader keeps exactly
_FARTHEST_COLORS = 32  # px; from how far around the colours tell at a painted edge


class WorkerSession:
    """Reads requests and files, asks the session, and writes files and answers."""

    def __init__(self, folder: Path, send: Callable[[dict[str, Any]], None]) -> None:
        self.folder = folder
        self.send = send
        self.session = Session()
        self.number: Any = None
        self.last: tuple[Any, Result] | None = None  # what a preview showed, until it is wanted in full
        self.edge: tuple[Any, NDArray[Any]] | None = None  # the mask of that with its edge retouched
        self.own: tuple[Any, NDArray[Any]] | None = None  # the map of somebody's file, which is read once
        self.requests: dict[str, Callable[[dict[str, Any], Progress], dict[str, Any]]] = {
            "open": self.open,
            **dict.fromkeys(REQUESTS, self.array_request),
            "preview": self.preview,
            "probe": self.probe,
            "describe": self.describe,
        }

    # ---- messages

    def answer(self, request: dict[str, Any]) -> None:
        """Carry out one request and send its result or its error."""
        self.number = request.get("id")
        try:
            answer = self.outcome(request)
        finally:
            for name in files_of(request):  # those that were not read, too: nobody will ask for them again
                with contextlib.suppress(OSError):
                    (self.folder / name).unlink()
        self.send(answer)

    def outcome(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request; return its result or its error."""
        try:
            # It becomes part of a file's name
            if not isinstance(self.number, int) or not 0 <= self.number < _LARGEST_ID:
                raise RequestError(f"id must be a whole number from 0 to {_LARGEST_ID - 1}")
            name = request.get("request")
            if not isinstance(name, str) or name not in self.requests:
                raise RequestError(f"unknown request {str(name)[:60]!a}")
            result = self.requests[name](checked(request), self.report)
        except RequestError as error:
            return self.error(error.kind, str(error))
        except InputError as error:
            return self.error("input", str(error))
        except (Cancelled, DefocusError) as error:
            return self.error("internal", str(error))
        except MemoryError:
            return self.error("memory", "there is not enough memory for this picture")
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            said = f"the disk with the temporary folder {self.folder.parent} is full"
            return self.error("disk", said if full else f"temporary files: {error}")
        except Exception as error:  # whatever it is, the host must be told in one line
            traceback.print_exc()
            sys.stderr.flush()
            return self.error("internal", f"a fault in defocus {__version__}: {type(error).__name__}: {error}")
        return {"id": self.number, "event": "result", "result": result}

    def error(self, kind: str, message: str) -> dict[str, Any]:
        """Return an error, in one line."""
        return {"id": self.number, "event": "error", "kind": kind, "message": " ".join(message.split())}

    def report(self, fraction: float, stage: str) -> None:
        """Send how far the work is."""
        self.send({"id": self.number, "event": "progress", "fraction": round(float(fraction), 4), "stage": stage})

    # ---- requests

    def describe(self, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Return the versions, what can be asked for and the controls of all parameters."""
        return {
            "version": __version__,
            "protocol": PROTOCOL,
            "requests": sorted({*self.requests, "close", "stay"}),
            "parameters": {
                name: [dataclasses.asdict(control) for control in describe(kind)] for name, kind in PARAMETERS.items()
            },
        }

    def open(self, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Take a picture, or keep the held one, and analyse it; return what was found out about it."""
        from defocus.pictures.intensity import WHITE
        from defocus.pictures.picture import as_picture
        from defocus.pictures.wide import split_wide

        parameters = _parameters("analysis", request.get("parameters"))
        pixels, wide, self.last, self.edge = None, None, None, None
        source = request.get("name", "the picture")
        if "file" in request:
            if "shape" not in request or "dtype" not in request:
                raise RequestError("file needs shape and dtype beside it")
            values = self.read(request, "file", tuple(request["shape"]), request["dtype"])
            # Hosts send whole-range values: nothing is to be guessed from a dark picture
            white = WHITE.get(str(values.dtype), 1)
            if values.dtype == "uint16":
                values, white = values.astype("float32") / 65535, 1
            elif values.dtype == "float32":
                values, wide = split_wide(values)
            pixels = as_picture(values, source=source, limits=(0, white))
            if "bit_depth" in request:  # scaled by the host, from something else
                pixels = dataclasses.replace(pixels, bit_depth=request["bit_depth"])
        elif not self.session.is_open:
            raise RequestError("there is no picture yet: the first open needs file, shape and dtype")
        analysis = self.session.open(pixels, parameters, source=source, wide=wide, progress=progress)
        facts: dict[str, Any] = {
            "shape": list(analysis.shape),
            "noise_variance": float(analysis.noise_variance),
            "max_radius": float(analysis.max_radius),
            "kind": analysis.kind,
            "psf": str(analysis.parameters.psf),
        }
        if request.get("threshold", True):
            facts |= {"threshold": float(analysis.threshold), "other_threshold": analysis.other_threshold}
            facts |= {"known_share": analysis.known_share, "saturated_share": analysis.saturated_share}
        return facts | {"shape_doubt": analysis.shape_doubt, "kind_doubt": analysis.kind_doubt}

    def array_request(self, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Return an array in the kind of numbers that was asked for."""
        import numpy as np

        from defocus.pictures.intensity import WHITE, whole_numbers

        question = self.question(request["request"], request)
        _, result = self.compute(question, self.key(question), progress)
        values, facts = self.presented(request, question, result)
        if result.threshold is not None:
            mask, picture = values, self.session.held.picture
            values = self.combined(mask, request)
            if request.get("colors"):
                from defocus.worker.edge import cut_out

                alpha = values if picture.alpha is None else values * picture.alpha
                values = np.dstack([cut_out(picture.color, mask, self.session.wide), alpha])
        output = request.get("output", "float32")
        is_radius = REQUESTS[request["request"]].result == "radius"
        if is_radius and output != "float32":
            values = values / np.float32(max(facts["maximum"], 1e-6))
        if output == "color":
            from defocus.pictures.render import color_map

            values = color_map(values, 1.0)
        elif output in WHITE:
            values = whole_numbers(values, output)
        elif output != "float32" or (REQUESTS[request["request"]].result == "unit" and values.ndim == 2):
            values = np.clip(values, 0, 1)
        return {**self.write(values), **facts}

    def preview(self, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Return a small picture that shows what another request would give."""
        from defocus.pictures.preview import RUBYLITH, illustration, reduced_size
        from defocus.worker.glance import glance

        if "of" not in request:
            raise RequestError(f"of must say what is to be seen: picture, {', '.join(REQUESTS)}")
        kind = request["of"]
        height, width = request.get("size", (256, 256))
        if kind == "picture":
            self.require_open()
            picture = self.session.held.picture
            part = self.box(request.get("crop"))
            return self.write(illustration(kind, picture.color, picture, (height, width), box=part))
        question = self.question(kind, request)
        picture = self.session.held.picture
        part = self.box(request.get("crop"))
        small_width, _ = reduced_size((part[2] - part[0], part[3] - part[1]), (height, width))
        whole = part == (0, 0, *picture.shape)
        facts: dict[str, Any] = {}
        key = self.key(question)
        known = self.last is not None and self.last[0] == key
        values: NDArray[Any]
        if REQUESTS[kind].result == "picture" and "view" in request:
            values, facts = self.in_focus(question, progress)
            kind = "focus_mask"
        elif REQUESTS[kind].result == "picture" and not known and (small_width < picture.shape[1] or not whole):
            values = glance(self.session, question, (height, width), part, progress)
            picture, part = dataclasses.replace(picture, color=values, alpha=None), (0, 0, *values.shape[:2])
        else:
            self.last = self.compute(question, key, progress)
            values, facts = self.presented(request, question, self.last[1])
            if self.last[1].threshold is not None:
                mask, values = values, self.combined(values, request)
                if request.get("colors") and request.get("view") in ("black", "white", "layers"):
                    picture, values, part = self.seen_cut_out(mask, values, (height, width), part)
        small = illustration(
            kind,
            values,
            picture,
            (height, width),
            facts.get("maximum", 1.0),
            request.get("output") == "color",
            request.get("view", "overlay"),
            [float(level) for level in request.get("film", RUBYLITH)],
            part,
        )
        return {**self.write(small), **facts}

    def in_focus(self, asked: Question, progress: Progress) -> tuple[NDArray[Any], dict[str, Any]]:
        """Return what a change of the picture takes for in focus, float32 (H, W), and the facts of that."""
        if asked.request != "magnify" and asked.radius is None:
            answer = self.session.answer(Question("focus_mask", hints=asked.hints), progress=progress)
            return answer.values, dict(answer.facts)
        held, radius, progress = self.session.mapped(asked, progress)
        chosen = MagnificationParameters(threshold=held.threshold)
        if asked.request == "magnify":
            chosen = self.session.focused(asked, radius)
        subject = self.session.subject(asked, chosen, radius, progress=progress)
        return subject, {"threshold": float(chosen.threshold), "in_focus_share": held.share_of(subject)}

    def seen_cut_out(
        self,
        mask: NDArray[Any],
        combined: NDArray[Any],
        limits: tuple[int, int],
        part: tuple[float, float, float, float],
    ) -> tuple[Picture, NDArray[Any], tuple[float, float, float, float]]:
        """Return a part of the picture with the colours of what is cut out, its mask, and the part of these to show.

        Parameters
        ----------
        mask, combined : float32 (H, W)
            In [0, 1]; before and after it was combined with what exists.
        limits : (int, int)
            Height and width in px that the preview may have.
        part : (float, float, float, float)
            Left, top, right and bottom of what is to be shown, in px.
        """
        import numpy as np

        from defocus.pictures.preview import reduced_color, reduced_size
        from defocus.worker.edge import cut_out

        picture = self.session.held.picture
        planes = np.dstack([picture.color, mask, combined])
        size = reduced_size((part[2] - part[0], part[3] - part[1]), limits)
        if size[0] < part[3] - part[1]:
            planes = reduced_color(planes, size, part)
            part = 0, 0, *planes.shape[:2]
        else:
            top, left = int(part[0]), int(part[1])
            planes = planes[top : math.ceil(part[2]), left : math.ceil(part[3])]
            part = part[0] - top, part[1] - left, part[2] - top, part[3] - left
        color = np.clip(planes[..., :3], 0, 1)
        own = cut_out(color, np.ascontiguousarray(planes[..., 3]))
        return dataclasses.replace(picture, color=own, alpha=None), planes[..., 4], part

    def require_open(self) -> None:
        """Refuse a request that needs a picture where there is none."""
        if not self.session.is_open:
            raise RequestError("there is no picture yet: send open first")

    def box(self, crop: list[float] | None) -> tuple[float, float, float, float]:
        """Return top, left, bottom and right in px of the part of the picture that is to be seen."""
        height, width = self.session.held.shape
        if crop is None:
            return 0, 0, height, width
        top, left, rows, columns = crop
        if not (0 <= top < top + rows <= height + 1e-3 and 0 <= left < left + columns <= width + 1e-3):
            raise RequestError("crop must lie within the picture")
        return top, left, min(top + rows, height), min(left + columns, width)

    def probe(self, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Return the blur radius in px at a place."""
        self.require_open()
        height, width = self.session.held.shape
        x, y = request.get("x", 0.0), request.get("y", 0.0)
        if not (0 <= x < width and 0 <= y < height):
            raise RequestError("x and y must lie within the picture")
        radius = self.own_map(request)
        if radius is None:
            radius = self.session.blur_map(_parameters("map", request.get("map_parameters")), progress=progress)
        return {"radius": float(radius[int(y), int(x)])}

    def question(self, kind: str, request: dict[str, Any]) -> Question:
        """Return what is asked, with the masks that were sent along."""
        self.require_open()
        known, shape = REQUESTS[kind], self.session.held.shape
        hints = {name: self.read(request, name, shape, "uint8") != 0 for name in known.hints if name in request}
        if known.hints and request.get("strokes"):
            marks = painted(request["strokes"], shape)
            for name, sign in (("in_focus", 1), ("blurred", -1)):
                # What is painted over a hint takes its place
                hints[name] = (hints[name] & (marks == 0)) | (marks == sign) if name in hints else marks == sign
        parameters = _parameters(known.step, request.get("parameters")) if known.step else None
        radius = self.own_map(request) if known.needs_map else None
        subject = self.read(request, "subject", shape, "float32").clip(0, 1) if "subject" in request else None
        return Question(kind, parameters, _parameters("map", request.get("map_parameters")), hints, radius, subject)

    def own_map(self, request: dict[str, Any]) -> NDArray[Any] | None:
        """Return the radii in px, float32 (H, W), that somebody wants in place of the measured ones."""
        import numpy as np

        shape = self.session.held.shape
        if "map" in request and "map_path" in request:
            raise RequestError("give map or map_path, not both")
        if "map" in request:
            values = self.read(request, "map", shape, request.get("map_dtype", "float32"))
            white = np.float32(request.get("map_white") or self.session.held.max_radius)
            return white * (values / np.float32(255) if values.dtype == "uint8" else values)
        if "map_path" not in request:
            return None
        from defocus.effects.map_file import read_blur_map

        path = Path(request["map_path"])
        with contextlib.suppress(OSError):
            found = path.stat()
            made_for = path, found.st_mtime_ns, found.st_size, shape
            if self.own is None or self.own[0] != made_for:
                self.own = made_for, read_blur_map(path, shape)
            return self.own[1]
        return read_blur_map(path, shape)  # which says what is wrong

    def compute(self, asked: Question, key: Any, progress: Progress) -> tuple[Any, Result]:
        """Answer a question, unless that is what the last preview showed; return its `key`, too."""
        if self.last is not None and self.last[0] == key:
            return self.last
        self.last, self.edge = None, None  # room for the new one
        return key, self.session.answer(asked, progress=progress)

    @staticmethod
    def key(asked: Question) -> Any:
        """Return what tells a question from others."""
        import numpy as np

        digests = {name: hashlib.sha256(np.asarray(hint).tobytes()).digest() for name, hint in asked.hints.items()}
        own = b"" if asked.radius is None else hashlib.sha256(np.ascontiguousarray(asked.radius).tobytes()).digest()
        return asked.request, asked.parameters, asked.map_parameters, digests, own

    def presented(
        self, request: dict[str, Any], asked: Question, result: Result
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Return the float32 array of a request as it was asked for, and the numbers that belong to it."""
        import numpy as np

        known, analysis = REQUESTS[asked.request], self.session.held
        values = result.values
        facts: dict[str, Any] = dict(result.facts)
        if known.result == "radius":
            facts["maximum"] = float(request.get("maximum", 0.0)) or analysis.max_radius
        elif known.result == "picture" and request.get("alpha"):
            alpha = analysis.picture.alpha
            alpha = np.ones(analysis.shape, np.float32) if alpha is None else alpha
            values = np.concatenate([values, alpha[..., np.newaxis]], axis=2)
        if result.threshold is not None:
            if "matte" in request:
                values = self.read(request, "matte", analysis.shape, "float32")
            values = self.retouched(values, request, asked)
            if request.get("trimap"):
                values = trimap(values, request["trimap"])
            values = 1 - values if request.get("invert") else values
        return values, facts

    def retouched(self, values: NDArray[Any], request: dict[str, Any], asked: Question) -> NDArray[Any]:
        """Return a mask with its edge as it was asked for; what surely is in focus, or surely not, stays that."""
        import numpy as np

        from defocus.effects.subject import subject_matte
        from defocus.worker.edge import contrasted, found_anew, shifted

        analysis = self.session.held
        wanted = self.key(asked), *(request.get(name) for name in ("rim", "strokes", "contrast", "shift"))
        if "matte" not in request and self.edge is not None and self.edge[0] == wanted:
            return self.edge[1]
        made = values
        if request.get("rim") == "matte":
            made = subject_matte(made >= 0.5, analysis.picture.color)
        band, radius = painted_rim(request.get("strokes", []), analysis.shape)
        if band.any():
            made = found_anew(made, analysis.picture.color, band, reach=int(min(max(radius, 2), _FARTHEST_COLORS)))
        if request.get("contrast", 1) != 1:
            made = contrasted(made, request["contrast"])
        if request.get("shift"):
            made = shifted(made, request["shift"])
        if made is not values:
            for name, value in (("in_focus", 1), ("blurred", 0)):
                if name in asked.hints:
                    made[np.asarray(asked.hints[name], bool)] = value
        if "matte" not in request:
            self.edge = wanted, made
        return made

    def combined(self, new: NDArray[Any], request: dict[str, Any]) -> NDArray[Any]:
        """Return a new mask combined with an existing one, as soft sets, where the change is allowed."""
        import numpy as np

        old, limit = (
            self.read(request, name, new.shape, "float32") if name in request else None
            for name in ("existing", "limit")
        )
        how = request.get("combine", "replace")
        if old is not None and how != "replace":
            new = {"intersect": np.minimum(old, new), "add": np.maximum(old, new)}.get(how, np.minimum(old, 1 - new))
        if limit is not None:
            before = np.float32(request.get("outside", 0.0)) if old is None else old
            new = limit * new + (1 - limit) * before
        return np.clip(new, 0, 1)

    # ---- files

    def read(self, request: dict[str, Any], field: str, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """Return the array of the caller's that a field names, and delete its file.

        Parameters
        ----------
        request : dict
        field : str
            Of the request.
        shape : tuple of int
        dtype : str
        """
        import numpy as np

        path = self.folder / request[field]
        try:
            values = np.fromfile(path, dtype)
        except FileNotFoundError:
            raise RequestError(f"{field}: there is no file {path.name!a} in the private folder") from None
        path.unlink(missing_ok=True)
        if values.size != np.prod(shape, dtype=np.int64):
            raise RequestError(f"{field} holds {values.size} values, not those of an array of shape {shape}")
        if field != "file" and dtype == "float32" and not np.isfinite(values).all():
            raise RequestError(f"{field} holds values that are no numbers")  # of pixels the picture itself says more
        return values.reshape(shape)

    def write(self, values: NDArray[Any]) -> dict[str, Any]:
        """Write a result file, or none at all; return its name, shape and type."""
        path = self.folder / f"result-{self.number}.raw"
        try:
            values.tofile(path)
        except OSError as error:
            path.unlink(missing_ok=True)
            if error.errno is None:  # numpy reports a short write without saying why
                raise OSError(errno.ENOSPC, "short write") from error
            raise
        return {"file": path.name, "shape": list(values.shape), "dtype": str(values.dtype)}


def _parameters(kind: str, changes: dict[str, Any] | None) -> Any:
    """Return the parameter object with the given changes of its defaults."""
    changes = changes or {}
    known = {control.name for control in describe(PARAMETERS[kind])}
    for name in changes:
        if name not in known:
            raise RequestError(f"unknown {kind} parameter {name[:60]!a}; known are {', '.join(sorted(known))}")
    return PARAMETERS[kind](**changes)
