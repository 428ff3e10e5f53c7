"""Decoders: what the extras teach Pillow, where they are installed."""

from __future__ import annotations

import contextlib
import functools

__all__ = ["more_decoders"]


@functools.cache
def more_decoders() -> None:
    """Let Pillow read HEIF by the extra ``heif`` and JPEG XL by the extra ``jxl``, as far as they are there."""
    with contextlib.suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    with contextlib.suppress(ImportError):
        import pillow_jxl  # noqa: F401 (registers itself)
