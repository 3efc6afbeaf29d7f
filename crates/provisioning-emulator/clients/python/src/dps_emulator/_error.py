"""The error of this package."""

from __future__ import annotations

from typing import Optional


class DpsEmulatorError(Exception):
    """What failed, what was expected and what to do. A call that the emulator refused has `status` and `error_code`."""

    def __init__(self, message: str, status: Optional[int] = None, error_code: Optional[int] = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
