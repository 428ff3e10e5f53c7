"""Engines: one worker process per viewer, shared by its widgets and ended with the last of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_defocus.engine import WorkerEngine

if TYPE_CHECKING:
    import napari.viewer

    from napari_defocus.widgets.base import DefocusWidget

__all__ = ["acquire", "open_widgets", "release"]

_engines: dict[int, tuple[WorkerEngine, list[DefocusWidget]]] = {}


def open_widgets() -> list[DefocusWidget]:
    """Return the widgets that have not been shut down."""
    return [widget for _, users in _engines.values() for widget in users]


def acquire(viewer: napari.viewer.Viewer, widget: DefocusWidget) -> WorkerEngine:
    """Return the viewer's engine, so that its widgets share the analysis of a picture."""
    shared, users = _engines.setdefault(_identity(viewer), (WorkerEngine(), []))
    users.append(widget)
    return shared


def release(viewer: napari.viewer.Viewer, widget: DefocusWidget) -> None:
    """Let a widget's engine go; the last one ends it."""
    engine, users = _engines.get(_identity(viewer), (None, []))
    users[:] = [user for user in users if user is not widget]
    if engine is not None and not users:
        del _engines[_identity(viewer)]
        engine.close()


def _identity(viewer: napari.viewer.Viewer) -> int:
    """Return what is the same for all the wrappers that napari hands to plugins in place of the viewer."""
    return id(getattr(viewer, "__wrapped__", viewer))
