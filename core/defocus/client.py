"""Another name of `defocus.worker.client`, through which other programs talk to the worker."""

from __future__ import annotations

from defocus.worker.client import (
    PROTOCOL,
    ProtocolMismatchError,
    WorkerCancelledError,
    WorkerClient,
    WorkerError,
    clean_environment,
)

__all__ = [
    "PROTOCOL",
    "ProtocolMismatchError",
    "WorkerCancelledError",
    "WorkerClient",
    "WorkerError",
    "clean_environment",
]
