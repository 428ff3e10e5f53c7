"""A small picture of the result, made anew by the worker whenever an option changes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
import pixels  # noqa: E402
from below import Below  # noqa: E402
from canvas import HEIGHT, WIDTH, Canvas  # noqa: E402
from controls import fill_views, marks_row, zoom_row  # noqa: E402
from defocus_client import WorkerCancelledError, WorkerError  # noqa: E402
from first_look import first_look  # noqa: E402
from gi.repository import Gdk, GdkPixbuf, Gimp, GLib, Gtk  # noqa: E402
from main_thread import in_main_thread  # noqa: E402
from problem import Problem, message_of  # noqa: E402
from view import STEP  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from defocus_client import WorkerClient
    from session import Session

_SETTLE_MILLISECONDS = 150  # a slider that is being dragged is not followed step by step
_ALWAYS_VERIFIED = 4_000_000  # px; up to here every preview looks if the layer is still the same
_FILM = "#db143d"  # the red film that marks what a mask hides


class _Run:
    """One preview under way, in a thread of its own that waits for the worker."""

    def __init__(self, settings: list[Any], place: tuple[float, float] | None = None) -> None:
        self.settings = settings
        self.place = place  # whose blur radius is asked for, instead of a picture
        self.crop: tuple[float, float, float, float] | None = None
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
        self.below: Below | None = None  # made when it is to be seen
        self.looked = False
        self.wanted = False
        self.timer = 0
        self.finished = False
        self.place: tuple[float, float] | None = None  # that was clicked, and waits for its turn
        session.marked_layer = layer if self.procedure.is_mask else None
        marks = session.marks if self.procedure.is_mask else None
        self.canvas = Canvas(pixels.size_of(layer), marks, self.request, self._marked, self._look_at)
        self.here = Gtk.Label(label="", xalign=0, hexpand=True)
        self.undo = Gtk.Button(label=_("Undo mark"), sensitive=bool(session.marks))
        self.bar = Gtk.ProgressBar(show_text=True, text="")
        self.note = Gtk.Label(label="", xalign=0, wrap=True, max_width_chars=50)
        self.switch = Gtk.CheckButton(label=_("_Preview"), use_underline=True, active=True)
        self.switch.connect("toggled", self._switched)
        self.view = Gtk.ComboBoxText()
        self.film = Gtk.ColorButton(title=_("Colour of what is not in focus"))
        self.widget = self._built()

    def _built(self) -> Any:
        """Return the preview with its controls."""
        thumbnail = self.layer.get_thumbnail(WIDTH, HEIGHT, Gimp.PixbufTransparency.KEEP_ALPHA)
        if thumbnail is not None:
            self.canvas.show(thumbnail, self.canvas.view.crop)  # something to see at once
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
        row.pack_start(self.switch, False, False, 0)
        if self.procedure.is_mask:
            fill_views(self.view)
            color = Gdk.RGBA()
            color.parse(_FILM)
            self.film.set_rgba(color)
            label = Gtk.Label(label=_("_View"), use_underline=True, mnemonic_widget=self.view)
            for child in (self.film, self.view, label):
                row.pack_end(child, False, False, 0)
            self.view.connect("changed", lambda *_arguments: self.request())
            self.film.connect("color-set", lambda *_arguments: self.request())
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        picture = self.canvas.widget
        rows = [zoom_row(self.canvas, self.here), self.bar, self.note, row]
        if self.procedure.is_mask:
            rows.insert(1, marks_row(self.canvas, self.undo))
        for child in (picture, *rows):
            box.pack_start(child, child is picture, child is picture, 0)
        box.show_all()
        return box

    # ---- what is done to the picture

    def key_pressed(self, dialog: Any, event: Any) -> bool:
        """Take back a mark with Control and Z, zoom with plus and minus; other keys are the dialog's."""
        name = Gdk.keyval_name(event.keyval)
        if name in ("z", "Z") and event.state & Gdk.ModifierType.CONTROL_MASK:
            self.canvas.undo()
            return True
        if isinstance(dialog.get_focus(), Gtk.Entry):
            return False
        factor = {"plus": STEP, "KP_Add": STEP, "minus": 1 / STEP, "KP_Subtract": 1 / STEP}.get(name)
        if factor is None:
            return False
        self.canvas.zoom(factor)
        return True

    def _marked(self) -> None:
        self.undo.set_sensitive(bool(self.session.marks))
        self.request()

    def _look_at(self, place: tuple[float, float]) -> None:
        """Ask for the blur radius at a place, as soon as the worker is free."""
        self.place = place
        if self.run is None:
            self._begin()

    # ---- what the dialog asks for

    def begin(self) -> None:
        """Make the first preview, at once."""
        self._start()

    def request(self) -> None:
        """Make the preview anew soon."""
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
        if self.below is not None:
            self.below.close()
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
                at = {"x": run.place[0], "y": run.place[1]}
                GLib.idle_add(self._done, run, worker.request("probe", at, progress=progress), None)
                return
            request.update(in_main_thread(lambda: self._seen(run)))
            answer = _drawn(worker, request, progress=progress)
        except Exception as error:
            GLib.idle_add(self._done, run, None, error)
        else:
            GLib.idle_add(self._done, run, answer, None)

    def _look_first(self, run: _Run) -> None:
        """Show the preview of a reduced picture; whatever goes wrong with that, the real one tells of it."""
        try:
            look = in_main_thread(lambda: None if self.finished else first_look(self.session, self.layer, self.config))
            if look is None:
                return
            sent, analysis, arguments = look
            self.session.look(sent, analysis)
            request = {**arguments, **in_main_thread(self._way), "of": self.procedure.request}
            request["size"] = list(self.canvas.view.shown[::-1])
            answer = _drawn(self.session.worker, request)
            GLib.idle_add(self._show, answer, (0.0, 0.0, *pixels.size_of(self.layer)))
        except WorkerCancelledError:
            raise
        except (WorkerError, Problem):
            return

    def _read(self, run: _Run) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Return what to send; in the main thread, for it reads GIMP's pixels."""
        width, height = pixels.size_of(self.layer)
        sent = self.session.send(self.layer, verify=width * height <= _ALWAYS_VERIFIED)
        if run.place is not None:
            return sent, self.procedure.analysis(self.config), {}
        arguments = self.procedure.arguments(self.session.worker.new_file, self.layer, self.config)
        arguments = self.session.with_marks(self.layer, arguments)
        arguments.pop("trimap", None)
        request = {**arguments, "of": self.procedure.request}
        return sent, self.procedure.analysis(self.config), request

    def _seen(self, run: _Run) -> dict[str, Any]:
        """Return which part is to be seen, and how large: while the picture was measured the dialog got its size."""
        if not self.finished and run.settings == self._settings():
            self.wanted = False
        view = self.canvas.view
        run.crop = left, top, width, height = view.crop
        crop = {} if view.fits else {"crop": [top, left, height, width]}
        return {"size": [view.shown[1], view.shown[0]], **crop, **self._way()}

    def _way(self) -> dict[str, Any]:
        """Return how a mask is to be seen."""
        if not self.procedure.is_mask:
            return {}
        color = self.film.get_rgba()
        film = bytes(round(255 * level) for level in (color.red, color.green, color.blue))
        own = pixels.shown_colors(self.layer, film, (1, 1), back=True)
        return {"view": self.view.get_active_id(), "film": [level / 255 for level in own]}

    def _done(self, run: _Run, answer: dict[str, Any] | None, error: Exception | None) -> bool:
        self.run = None
        if self.finished:
            return GLib.SOURCE_REMOVE
        if answer is not None and run.place is not None:
            self.here.set_text(_("Blur radius here: {radius:.2g} px").format(radius=answer["radius"]))
            self._show_progress(0, "")
        elif answer is not None:
            self._show(answer, run.crop or self.canvas.view.crop)
            self.note.set_text(self.procedure.note(answer, self.session.measured))
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

    def _show(self, answer: dict[str, Any], crop: tuple[float, float, float, float]) -> None:
        """Show a picture that the worker made of a part of the layer."""
        if self.finished:
            return
        height, width, channels = answer["shape"]
        shown = answer["pixels"]
        if self.view.get_active_id() != "mask" and self.procedure.in_own_colors(self.config):
            shown = pixels.shown_colors(self.layer, shown, (width, height), channels)
        data = GLib.Bytes.new(shown)
        layout = channels == 4, 8, width, height, channels * width
        pixbuf = GdkPixbuf.Pixbuf.new_from_bytes(data, GdkPixbuf.Colorspace.RGB, *layout)
        self.canvas.show(pixbuf if channels == 3 else self._upon_layers(pixbuf, crop), crop)

    def _upon_layers(self, pixbuf: Any, crop: tuple[float, float, float, float]) -> Any:
        if self.below is None:
            self.below = Below(self.layer)
        return self.below.under(pixbuf, crop)

    def _show_progress(self, fraction: float, stage: str) -> bool:
        if self.finished:
            Gimp.progress_set_text(stage)
            Gimp.progress_update(min(max(fraction, 0), 1) / 2)
        else:
            self.bar.set_fraction(min(max(fraction, 0), 1))
            self.bar.set_text(stage)
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
