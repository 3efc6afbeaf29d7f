"""The process of `dps-emulator`: it starts, is ready, and ends, at the latest with this process."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

from ._error import DpsEmulatorError

_POLL_INTERVAL = 0.02
"""How often the ready file is looked for, in seconds."""

_STOP_TIMEOUT = 10.0
"""How long the emulator may take to end before it is killed, in seconds; it needs at most 5 s by itself."""


class EmulatorProcess:
    """A running program, and the temporary folder with its files."""

    def __init__(self, binary: str, args: List[str]) -> None:
        self._binary = binary
        # For its owner only: the ready file has the key of the control endpoint.
        self.folder = Path(tempfile.mkdtemp(prefix="dps-emulator-"))
        self._ready_file = self.folder / "ready.json"
        self._stderr_file = self.folder / "stderr.txt"
        # What it had written when its folder was removed.
        self._last_stderr: Optional[str] = None
        command = [binary, "--ready-file", str(self._ready_file), "--end-with-stdin"]
        if not any(word == "--dir" or word.startswith("--dir=") for word in args):
            command += ["--dir", str(self.folder / "dps")]
        try:
            # Its end of the pipe is closed with this process, whatever ends it. A file for stderr never stalls the
            # emulator.
            with open(self._stderr_file, "wb") as stderr:
                self._process = subprocess.Popen(
                    command + args, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr
                )
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise _not_started(binary, error) from error
        atexit.register(self.kill)

    def wait_until_ready(self, timeout: float) -> Dict[str, Any]:
        """The object in its ready file."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            # The end first: a file that was written before it is no sign of life.
            code = self._process.poll()
            if code is not None:
                how = f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
                raise DpsEmulatorError(f"{self._binary} ended before it was ready, {how}.{self._said()}")
            try:
                ready: Dict[str, Any] = json.loads(self._ready_file.read_text(encoding="utf-8"))
                return ready
            except FileNotFoundError:
                time.sleep(_POLL_INTERVAL)
        message = f"{self._binary} was not ready within {timeout:g} s (option start_timeout).{self._said()}"
        raise DpsEmulatorError(message)

    def stderr(self) -> str:
        """What it has written to standard error."""
        if self._last_stderr is not None:
            return self._last_stderr
        return self._stderr_file.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Ends it, and removes its temporary folder."""
        self._close_stdin()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            pass  # it is killed
        self.kill()

    def kill(self) -> None:
        """Kills it if it still runs, and removes its temporary folder."""
        atexit.unregister(self.kill)
        self._process.kill()
        self._process.wait()
        self._close_stdin()
        self._last_stderr = self.stderr()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _close_stdin(self) -> None:
        assert self._process.stdin is not None, "a pipe"
        self._process.stdin.close()

    def _said(self) -> str:
        said = self.stderr().strip()
        return f" It says:\n{said}" if said else ""


def _not_started(binary: str, error: OSError) -> DpsEmulatorError:
    if isinstance(error, FileNotFoundError):
        return DpsEmulatorError(
            f"{binary} was not found. Build it (cargo build --release -p provisioning-emulator), and put it on PATH or "
            'give its path as the option "binary" or in the environment variable DPS_EMULATOR.'
        )
    return DpsEmulatorError(f"{binary} could not be started: {os.strerror(error.errno or 0)}.")
