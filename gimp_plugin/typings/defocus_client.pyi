"""The suite's `defocus.worker.client`, which is copied beside the plug-in under this name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PROTOCOL: int

class WorkerError(Exception):
    kind: str
    details: str
    def __init__(self, kind: str, message: str, details: str = ...) -> None: ...

class WorkerCancelledError(WorkerError): ...

def clean_environment() -> dict[str, str]: ...

class WorkerClient:
    folder: Path
    version: str
    held: dict[str, Any]
    @classmethod
    def waiting(
        cls, fits: Callable[[dict[str, Any]], bool], *, parent_folder: str | None = ...
    ) -> WorkerClient | None: ...
    def stay(self, seconds: float, held: Mapping[str, Any]) -> bool: ...
    def __init__(
        self,
        python: str = ...,
        *,
        parent_folder: str | None = ...,
        environment: Mapping[str, str] | None = ...,
        command: Sequence[str] | None = ...,
    ) -> None: ...
    @property
    def alive(self) -> bool: ...
    def new_file(self) -> Path: ...
    def open(
        self,
        pixels: Path | None = ...,
        *,
        shape: tuple[int, ...] = ...,
        dtype: str = ...,
        parameters: Mapping[str, Any] | None = ...,
        name: str = ...,
        threshold: bool = ...,
        progress: Callable[[float, str], None] | None = ...,
    ) -> dict[str, Any]: ...
    def request(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = ...,
        *,
        progress: Callable[[float, str], None] | None = ...,
    ) -> dict[str, Any]: ...
    def cancel(self) -> None: ...
    def close(self) -> None: ...
