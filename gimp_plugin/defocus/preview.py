"""A small picture of the result, made anew by the worker whenever an option changes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
import pixels  # noqa: E402
from canvas import HEIGHT, WIDTH, Canvas  # noqa: E402
from controls import FOCUS, RESULT, MarksRow, ViewRow, zoom_row  # noqa: E402
from defocus_client import WorkerCancelledError, WorkerError  # noqa: E402
from first_look import first_look, in_full_scale  # noqa: E402
from gi.repository import Gdk, Gimp, GLib, Gtk, Pango  # noqa: E402
from layers import is_there, require  # noqa: E402
from main_thread import in_main_thread  # noqa: E402
from problem import Problem, message_of  # noqa: E402
from shown import Shown, hardly_inside, nothing_changes  # noqa: E402
from view import STEP  # noqa: E402
from words import heard  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from canvas import Crop
    from defocus_client import WorkerClient
    from session import Session

_SETTLE_MILLISECONDS = 150  # a slider that is being dragged is not followed step by step
_FIRST = 0.1  # px from the corner; still in the first pixel
_ALWAYS_VERIFIED = 4_000_000  # px; up to here every preview looks if the layer is still the same


class _Run:
    """One preview under way, in a thread of its own that waits for the worker."""

    def __init__(self, settings: list[Any], place: tuple[float, float] | None = None) -> None:
        self.settings = settings
        self.place = place  # whose blur radius is asked for, instead of a picture
        self.crop: Crop | None = None
        self.view = ""  # as what it is seen
        self.analysis: dict[str, Any] | None = None  # while that is measured
        self.only_analysis = False
        self.is_first = False
        self.thread: threading.Thread | None = None


class Preview:
    """All of GIMP and GTK is touched in the main thread only; a thread starts the worker and waits for it."""

    def __init__(self, session: Session, config: Gimp.ProcedureConfig, image: Gimp.Image, layer: Gimp.Layer) -> None:
        self.session, self.procedure, self.config = session, session.procedure, config
        self.image, self.layer = image, layer
        self.run: _Run | None = None
        self.shown = Shown(layer)
        self.before: tuple[Any, bytes] | None = None  # what was seen before, and of which part of which pixels
        self.looked = False
        self.wanted = False
        self.timer = 0
        self.finished = False
        self.told: Callable[[], None] = lambda: None  # called when something was found out about the picture
        self.place: tuple[float, float] | None = None  # that was clicked, and waits for its turn
        session.marked_layer = layer
        self.canvas = Canvas(pixels.size_of(layer), session.marks, self.request, self._marked, self._look_at)
        self.here = ""  # what was found where somebody clicked last
        self.marks_row = MarksRow(self.procedure, self.canvas)
        self.view = ViewRow(self.procedure, self.canvas, self.request)
        self.bar = Gtk.ProgressBar(show_text=True, text="", ellipsize=Pango.EllipsizeMode.END)
        self.note = Gtk.Label(label="", xalign=0, yalign=0, wrap=True, width_chars=20, max_width_chars=20, lines=3)
        self.note.set_ellipsize(Pango.EllipsizeMode.END)
        self.switch = Gtk.CheckButton(label=_("_Preview"), use_underline=True, active=True)
        self.switch.connect("toggled", self._switched)
        self.other = Gtk.Button(no_show_all=True)  # where auto was a close call
        self.other.set_tooltip_text(_("Auto was a close call: take the other threshold"))
        self.other.connect("clicked", lambda *_arguments: self._take_other())
        self.other_threshold: float | None = None
        self.widget = self._built()

    def _built(self) -> Any:
        """Return the preview with its controls."""
        thumbnail = self.layer.get_thumbnail(WIDTH, HEIGHT, Gimp.PixbufTransparency.KEEP_ALPHA)
        if thumbnail is not None:
            self.canvas.show(thumbnail, self.canvas.view.crop)  # something to see at once
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        zoom = zoom_row(self.canvas)
        zoom.pack_end(self.switch, False, False, 0)
        picture = self.canvas.widget
        for child in (picture, zoom, self.view.widget, self.marks_row.widget, self.bar, self.note):
            box.pack_start(child, child is picture, child is picture, 0)
        box.show_all()
        return box

    # ---- what is done to the picture

    def key_pressed(self, dialog: Any, event: Any) -> bool:
        """Take marks back and make them again, zoom, show what was before; other keys are the dialog's."""
        name = Gdk.keyval_name(event.keyval)
        kinds = Gdk.ModifierType
        if event.state & kinds.CONTROL_MASK and name in ("z", "Z", "y", "Y"):
            again = name in ("y", "Y") or event.state & kinds.SHIFT_MASK
            (self.canvas.redo if again else self.canvas.undo)()
            return True
        focus = dialog.get_focus()
        if name in ("b", "B") and not event.state & (kinds.CONTROL_MASK | kinds.MOD1_MASK):
            if isinstance(focus, Gtk.Entry) and not isinstance(focus, Gtk.SpinButton):
                return False
            self.canvas.hold(True)
            return True
        if isinstance(focus, Gtk.Entry):
            return False
        factor = {"plus": STEP, "KP_Add": STEP, "minus": 1 / STEP, "KP_Subtract": 1 / STEP}.get(name)
        if factor is None:
            return False
        self.canvas.zoom(factor)
        return True

    def key_released(self, _dialog: Any, event: Any) -> bool:
        """Show what will be again."""
        if Gdk.keyval_name(event.keyval) in ("b", "B"):
            self.canvas.hold(False)
        return False

    def _marked(self) -> None:
        self.marks_row.update()
        self.request()

    def _look_at(self, place: tuple[float, float]) -> None:
        """Ask for the blur radius at a place, as soon as the worker is free; or make what lies there the sharpest."""
        if self.canvas.tool == FOCUS:
            for name, value in zip(("focus-x", "focus-y"), place, strict=True):
                self.config.set_property(name, max(round(value, 1), _FIRST))  # 0 would be auto
        self.place = place
        if self.run is None:
            self._begin()

    # ---- what the dialog asks for

    def begin(self) -> None:
        """Make the first preview, at once."""
        self._start()

    def request(self) -> None:
        """Make the preview anew soon."""
        self.canvas.set_focus(self.procedure.focus(self.config))
        if not self.timer and not self.finished:
            self.timer = GLib.timeout_add(_SETTLE_MILLISECONDS, self._start)

    def stop(self) -> None:
        """End it and the worker at once."""
        self._take_no_more()
        self.session.close()

    def hand_over(self) -> None:
        """Take no more requests; wait for the one under way if what it computes is what is wanted, else end it."""
        self._take_no_more()
        run = self.run
        if run is None or run.thread is None:
            return
        if run.place is not None:
            run.only_analysis = True
        elif run.settings != self._settings():
            if run.analysis != self.procedure.analysis(self.config):
                self.session.stop()
                return
            run.only_analysis = True
        Gimp.progress_init(self.procedure.blurb)
        while run.thread.is_alive():
            GLib.MainContext.default().iteration(False)
            run.thread.join(0.02)

    def _take_no_more(self) -> None:
        self.finished = True
        self.shown.close()
        if self.timer:
            GLib.source_remove(self.timer)
            self.timer = 0

    def _switched(self, *_arguments: Any) -> None:
        if self.switch.get_active():
            self.request()
        elif self.run is not None:
            self.wanted = False
            self.session.stop()

    def _settings(self) -> list[Any]:
        """Return all that a result depends on."""
        return [*self.procedure.settings(self.config), self.session.marks.written()]

    # ---- one preview

    def _start(self) -> bool:
        self.timer = 0
        if self.finished or not self.switch.get_active():
            return GLib.SOURCE_REMOVE
        if self.run is not None:
            self.wanted = True  # when the present one is done
            return GLib.SOURCE_REMOVE
        self._begin()
        return GLib.SOURCE_REMOVE

    def _begin(self) -> None:
        """Begin a preview, or to look at the place that was clicked."""
        place, self.place = self.place, None
        try:
            require(self.layer)
            self.procedure.check(self.image, self.config)
            run = _Run(self._settings(), place)
            run.is_first, self.looked = not self.looked and place is None, True
        except Exception as error:
            self._show_error(error)
            return
        self.run = run
        run.thread = threading.Thread(target=self._work, args=(run,), daemon=True)
        run.thread.start()

    def _work(self, run: _Run) -> None:
        """Run in a thread of its own: let the worker work, and hand its answer to the main thread."""

        def progress(fraction: float, stage: str) -> None:
            GLib.idle_add(self._show_progress, fraction, stage)

        try:
            worker = self.session.worker
            if run.is_first:
                self._look_first(run)
            sent, analysis, request = in_main_thread(lambda: self._read(run))
            run.analysis = analysis
            self.session.analyze(sent, analysis, progress)
            run.analysis = None
            if run.only_analysis:
                return
            if run.place is not None:
                at = {**request, "x": run.place[0], "y": run.place[1]}
                GLib.idle_add(self._done, run, worker.request("probe", at, progress=progress), None)
                return
            request.update(in_main_thread(lambda: self._seen(run)))
            answer = _drawn(worker, request, progress=progress)
            self._see_before(worker, run, request)
        except Exception as error:
            GLib.idle_add(self._done, run, None, error)
        else:
            GLib.idle_add(self._done, run, answer, None)

    def _see_before(self, worker: WorkerClient, run: _Run, request: dict[str, Any]) -> None:
        """Fetch what was before, unless it is there."""
        seen = self.session.fingerprint, request["size"], request.get("crop")
        if self.before is None or self.before[0] != seen:
            part: dict[str, Any] = {name: request[name] for name in ("size", "crop") if name in request}
            self.before = seen, _drawn(worker, {"of": "picture", **part})["pixels"]

    def _look_first(self, run: _Run) -> None:
        """Show the preview of a reduced picture; whatever goes wrong with that, the real one tells of it."""

        def prepared() -> Any:
            if self.finished:
                return None
            require(self.layer)
            if self.session.holds(self.layer):
                return None
            look = first_look(self.session, self.layer, self.config)
            run.crop, run.view = (0.0, 0.0, *pixels.size_of(self.layer)), self.view.name
            return look and (*look, self._way(run.view))

        try:
            look = in_main_thread(prepared)
            if look is None:
                return
            sent, analysis, arguments, scale, way = look
            found = self.session.look(sent, analysis)
            size: dict[str, Any] = {"size": list(self.canvas.view.shown[::-1])}
            request = {**arguments, **way, **size, "of": self.procedure.request}
            answer = _drawn(self.session.worker, request)
            before = _drawn(self.session.worker, {"of": "picture", **size})["pixels"]
            GLib.idle_add(self._show_first, run, answer, before, in_full_scale({**found, **answer}, scale))
        except WorkerCancelledError:
            raise
        except (WorkerError, Problem):
            return

    def _show_first(self, run: _Run, answer: dict[str, Any], before: bytes, facts: dict[str, Any]) -> bool:
        if not self.finished and is_there(self.layer):
            self._show(run, answer, before)
            facts.pop("noise_variance", None)  # the copy has less of it
            rough = _("Rough preview, until the picture is measured in full.")
            self.note.set_text(f"{rough} {self.procedure.note(facts, {})}")
        return GLib.SOURCE_REMOVE

    def _read(self, run: _Run) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Return what to send; in the main thread, for it reads GIMP's pixels."""
        width, height = pixels.size_of(self.layer)
        sent = self.session.send(self.layer, verify=width * height <= _ALWAYS_VERIFIED)
        if run.place is not None:
            asked = self.procedure.probed(self.session.worker.new_file, self.layer, self.config)
            return sent, self.procedure.analysis(self.config), asked
        run.view = self.view.name
        # The view of a picture's subject is asked of the picture itself, which knows its range and its map
        of_subject = not self.procedure.is_mask and not self.procedure.is_picture and run.view != RESULT
        ask = self.procedure.subject if of_subject else self.procedure.arguments
        arguments = ask(self.session.worker.new_file, self.layer, self.config)
        arguments = self.session.with_marks(self.layer, arguments)
        arguments.pop("trimap", None)
        request = {**arguments, "of": "focus_mask" if of_subject else self.procedure.request}
        return sent, self.procedure.analysis(self.config), request

    def _seen(self, run: _Run) -> dict[str, Any]:
        """Return which part is to be seen, and how large: while the picture was measured the dialog got its size."""
        require(self.layer)
        if not self.finished and run.settings == self._settings() and run.view == self.view.name:
            self.wanted = False
        view = self.canvas.view
        run.crop = left, top, width, height = view.crop
        crop = {} if view.fits else {"crop": [top, left, height, width]}
        return {"size": [view.shown[1], view.shown[0]], **crop, **self._way(run.view)}

    def _way(self, view: str) -> dict[str, Any]:
        """Return how a mask is to be seen."""
        if view == RESULT:
            return {}
        film, opacity = self.view.film
        own = pixels.shown_colors(self.layer, film, (1, 1), back=True)
        return {"view": view, "film": [*(level / 255 for level in own), opacity]}

    def _done(self, run: _Run, answer: dict[str, Any] | None, error: Exception | None) -> bool:
        self.run = None
        if self.finished:
            return GLib.SOURCE_REMOVE
        if answer is not None and run.place is not None:
            self.here = _("Blur radius there: {radius:.2g} px", radius=answer["radius"])
            self._show_progress(0, "")
        elif not is_there(self.layer):
            self._show_error(Problem(_("The layer was removed in the meantime.")))
        elif answer is not None and self.before is not None:
            self._show(run, answer, self.before[1])
            measured = self.session.measured
            remarks = *self._warnings(run), *self.procedure.remarks(self.config, measured)
            self.note.set_text(" ".join([*remarks, self.procedure.note(answer, measured)]))
            self.note.set_tooltip_text(self.note.get_text())
            self._offer(self.procedure.other_threshold({**measured, **answer}, self.config))
            self.told()
            self._show_progress(0, "")
        elif error is not None and self.switch.get_active():
            self._show_error(error)
        else:
            self._show_progress(0, "")
        if self.place is not None:
            self._begin()
        elif self.wanted:
            self.wanted = False
            self.request()
        return GLib.SOURCE_REMOVE

    def _show(self, run: _Run, answer: dict[str, Any], before: bytes) -> None:
        """Show a picture that the worker made of a part of the layer, and what was before."""
        height, width, channels = answer["shape"]
        size, crop = (width, height), run.crop or self.canvas.view.crop
        if self.procedure.is_picture and run.view == RESULT:
            limit = self.procedure.limit(self.image, self.config)
            made = self.shown.picture(
                answer["pixels"], before, size, crop, limit, masked=self.procedure.hidden_by_mask(self.config)
            )
        else:
            own = run.view in ("overlay", "black", "white", "layers") or (
                run.view == RESULT and self.procedure.in_own_colors(self.config)
            )
            made = self.shown.mask(answer["pixels"], size, channels, crop, own=own)
        self.canvas.show(made, crop, self.shown.before(before, size, crop, opaque=not self.procedure.is_picture))

    def _offer(self, other: float | None) -> None:
        """Offer the other threshold where auto was a close call."""
        self.other_threshold = other
        if other is not None:
            self.other.set_label(_("A close call: take {other:g} px", other=other))
        self.other.set_visible(other is not None)

    def _take_other(self) -> None:
        if self.other_threshold is not None:
            self.config.set_property("threshold", self.other_threshold)

    def _warnings(self, run: _Run) -> list[str]:
        """Return what to say if the result will look as the picture did."""
        if not self.procedure.is_picture or run.view != RESULT or run.crop != (0, 0, *pixels.size_of(self.layer)):
            return []
        if nothing_changes(self.shown.changed):
            return [_("Nothing changes that can be seen at this size.")]
        if hardly_inside(self.shown.changed_inside):
            return [_("The selection holds only what stays as it is: invert it, or show the result outside it, too.")]
        return []

    def _show_progress(self, fraction: float, stage: str) -> bool:
        if self.finished:
            Gimp.progress_set_text(heard(stage))
            Gimp.progress_update(min(max(fraction, 0), 1) / 2)
        else:
            self.bar.set_fraction(min(max(fraction, 0), 1))
            self.bar.set_text(heard(stage) or self.here)
        return GLib.SOURCE_REMOVE

    def _show_error(self, error: Exception) -> None:
        self.note.set_text(message_of(error))
        self._show_progress(0, "")


def _drawn(worker: WorkerClient, request: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a worker's answer to a preview, with its pixels; may be called from any thread."""
    answer = worker.request("preview", request, **more)
    path = Path(answer["path"])
    answer["pixels"] = path.read_bytes()
    path.unlink()
    return answer
