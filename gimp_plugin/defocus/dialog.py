"""The dialog of every procedure: its options, and a preview that follows them from the held analysis."""

import threading
from pathlib import Path

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GimpUi, GLib, Gtk  # noqa: E402
from options import Number  # noqa: E402
from suite import Problem, message_of  # noqa: E402

_PREVIEW_WIDTH, _PREVIEW_HEIGHT = 420, 340
_SETTLE_MILLISECONDS = 150  # a slider that is being dragged is not followed step by step


def ask(session, job, procedure, config, image, layer):
    """Show the dialog until it is answered.

    Returns
    -------
    bool
        Whether the user wants it done; `config` then holds what was chosen.
    """
    if not Gtk.init_check()[0] or Gdk.Display.get_default() is None:
        raise Problem("There is no display to show a dialog on: call the procedure with its arguments.")
    GimpUi.init("defocus")
    title = job.label.replace("_", "").rstrip(".")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, title)
    help_button = dialog.get_widget_for_response(Gtk.ResponseType.HELP)
    if help_button is not None:
        help_button.hide()  # it would open a page that GIMP's manual does not have
    preview = _Preview(session, job, config, image, layer)
    for option in job.options:
        if isinstance(option, Number):
            _limit(dialog, option)
    controls = dialog.fill_box("defocus-controls", [option.name for option in job.options])
    controls.set_valign(Gtk.Align.START)
    controls.show_all()
    columns = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
    columns.set_border_width(12)
    columns.pack_start(preview.widget, True, True, 0)
    columns.pack_start(controls, False, False, 0)
    columns.show()
    dialog.get_content_area().pack_start(columns, True, True, 0)
    handler = config.connect("notify", lambda *_: preview.request())
    preview.request()
    try:
        return dialog.run()
    finally:
        config.disconnect(handler)
        preview.finish()
        dialog.destroy()


def _limit(dialog, option):
    """Make an option a slider over the range that the suite allows."""
    low, high = option.range
    scale = dialog.get_spin_scale(option.name, 1.0)
    step = option.control["step"] or (high - low) / 100
    scale.set_range(low, high)
    scale.set_increments(step, 10 * step)
    scale.set_digits(0 if option.whole else option.digits)
    if high > 100 * step and not option.whole:
        scale.set_gamma(3.0)  # most of the slider for the small values, which are the common ones
    scale.set_size_request(330, -1)


class _Preview:
    """A small picture of the result, made anew by the worker whenever an option changes.

    All of GIMP and GTK is touched in the main thread only; a thread waits for the worker.
    """

    def __init__(self, session, job, config, image, layer):
        self.session, self.job, self.config, self.image, self.layer = session, job, config, image, layer
        self.thread = None
        self.wanted = False
        self.timer = 0
        self.finished = False
        self.picture = Gtk.Image()
        self.picture.set_size_request(_PREVIEW_WIDTH, _PREVIEW_HEIGHT)
        self.bar = Gtk.ProgressBar(show_text=True, text="")
        self.note = Gtk.Label(label="", xalign=0, wrap=True, max_width_chars=50)
        self.switch = Gtk.CheckButton(label="_Preview", use_underline=True, active=True)
        self.switch.connect("toggled", lambda *_: self.request())
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        for child in (self.picture, self.bar, self.note, self.switch):
            self.widget.pack_start(child, child is self.picture, child is self.picture, 0)
        self.widget.show_all()

    def request(self):
        """Make the preview anew soon."""
        if not self.timer and not self.finished:
            self.timer = GLib.timeout_add(_SETTLE_MILLISECONDS, self._start)

    def finish(self):
        """Take no more requests, and wait for the one that is under way: the worker does one at a time."""
        self.finished = True
        if self.timer:
            GLib.source_remove(self.timer)
        while self.thread is not None and self.thread.is_alive():
            GLib.MainContext.default().iteration(False)
            self.thread.join(0.02)

    def _start(self):
        self.timer = 0
        if self.finished or not self.switch.get_active():
            return GLib.SOURCE_REMOVE
        if self.thread is not None:
            self.wanted = True  # when the present one is done
            return GLib.SOURCE_REMOVE
        try:
            self.job.check(self.image, self.config)
            sent = self.session.send(self.layer)
            analysis = self.job.analysis(self.config)
            arguments = self.job.arguments(self.session.worker, self.layer, self.config)
        except Exception as error:
            self._show_error(error)
            return GLib.SOURCE_REMOVE
        size = [_PREVIEW_HEIGHT, _PREVIEW_WIDTH]
        request = {**arguments, "of": self.job.request, "size": size}
        self.thread = threading.Thread(target=self._wait, args=(sent, analysis, request), daemon=True)
        self.thread.start()
        return GLib.SOURCE_REMOVE

    def _wait(self, sent, analysis, request):
        """Run in a thread of its own: let the worker work, and hand its answer to the main thread."""

        def progress(fraction, stage):
            GLib.idle_add(self._show_progress, fraction, stage)

        try:
            self.session.analyze(sent, analysis, progress)
            answer = self.session.worker.request("preview", request, progress=progress)
            path = Path(answer["path"])
            answer["pixels"] = path.read_bytes()
            path.unlink()
        except Exception as error:
            GLib.idle_add(self._done, None, error)
        else:
            GLib.idle_add(self._done, answer, None)

    def _done(self, answer, error):
        self.thread = None
        if self.finished:
            return GLib.SOURCE_REMOVE
        if error is not None:
            self._show_error(error)
        else:
            height, width, _ = answer["shape"]
            data = GLib.Bytes.new(answer["pixels"])
            pixbuf = GdkPixbuf.Pixbuf.new_from_bytes(data, GdkPixbuf.Colorspace.RGB, False, 8, width, height, 3 * width)
            self.picture.set_from_pixbuf(pixbuf)
            self.note.set_text(self.job.note(answer))
            self._show_progress(0, "")
        if self.wanted:
            self.wanted = False
            self.request()
        return GLib.SOURCE_REMOVE

    def _show_progress(self, fraction, stage):
        if not self.finished:
            self.bar.set_fraction(min(max(fraction, 0), 1))
            self.bar.set_text(stage)
        return GLib.SOURCE_REMOVE

    def _show_error(self, error):
        self.note.set_text(message_of(error))
        self._show_progress(0, "")
