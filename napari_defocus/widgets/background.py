"""Long work beside the viewer's event loop, as a generator that napari's ``thread_worker`` can drive."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from defocus.progress import Progress
    from napari_defocus.jobs import Token

__all__ = ["reports"]

Result = TypeVar("Result")
_BEAT_SECONDS = 0.05  # how often a report is passed on, and how soon a wish to stop is seen


def reports(
    work: Callable[[Progress, Token], Result], token: Token
) -> Generator[tuple[float, str] | None, None, Result]:
    """Run `work` in a thread; yield its latest (fraction, stage), or None, a few times a second.

    Parameters
    ----------
    work : callable
        Called with a progress callback and the token; blocks.
    token : Token
        Cancelled when the generator is closed or done with.

    Returns
    -------
    object
        What `work` returned; what it raised is raised.
    """
    news: SimpleQueue[tuple[float, str]] = SimpleQueue()
    outcome: dict[str, Any] = {}

    def progress(fraction: float, stage: str) -> None:
        token.check()
        news.put((fraction, stage))

    def carry_out() -> None:
        try:
            outcome["result"] = work(progress, token)
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=carry_out, name="defocus", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_BEAT_SECONDS)
            latest = None
            try:
                while True:
                    latest = news.get_nowait()
            except Empty:
                pass
            yield latest
    finally:
        if thread.is_alive():
            token.cancel()
    if "error" in outcome:
        raise outcome["error"]
    result: Result = outcome["result"]
    return result
