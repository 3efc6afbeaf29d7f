"""The emulator: its start and end, and the calls of its control endpoint."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Type, Union
from urllib.parse import quote

from ._control import CALL_TIMEOUT, Control
from ._error import DpsEmulatorError
from ._process import EmulatorProcess
from ._types import Device, LogEntry

_LONGEST_WAIT = 60
"""The longest wait of one call for the log, in seconds."""

_SHOWN_ENTRIES = 10
"""How many entries of the log the error of `wait_for_log` shows."""


class DpsEmulator:
    """A local DPS that runs for a test. It is ready once it is constructed, ends with `stop` or its `with` block, and at
    the latest with this process.

    `binary` is the path of `dps-emulator`; unless given, the environment variable `DPS_EMULATOR` has it, or it is found
    on `PATH`. `dir` is its folder; unless given, a temporary one that is removed with the emulator. `config` is its
    configuration, a TOML file. Ports are free ones unless given. `args` are further arguments, such as
    `["--listen", "127.0.0.8"]`.
    """

    def __init__(
        self,
        *,
        binary: Optional[str] = None,
        dir: Union[str, Path, None] = None,
        config: Union[str, Path, None] = None,
        mqtt_port: int = 0,
        ws_port: int = 0,
        control_port: int = 0,
        page_port: int = 0,
        args: Sequence[str] = (),
        start_timeout: float = 30.0,
    ) -> None:
        flags = {
            "--mqtt-port": mqtt_port,
            "--ws-port": ws_port,
            "--control-port": control_port,
            "--page-port": page_port,
            "--dir": dir,
            "--config": config,
        }
        given = [word for name, value in flags.items() if value is not None for word in (name, str(value))]
        self._process = EmulatorProcess(binary or os.environ.get("DPS_EMULATOR") or "dps-emulator", [*given, *args])
        try:
            ready = self._process.wait_until_ready(start_timeout)
            self.mqtt_port: int = ready["mqttPort"]
            self.ws_port: int = ready["wsPort"]
            self.control_port: int = ready["controlPort"]
            self.page_port: int = ready["pagePort"]
            self.id_scope: str = ready["idScope"]
            self.ca_file: str = ready["ca"]
            self.ca = Path(self.ca_file).read_text(encoding="ascii")
            self.dir = Path(self.ca_file).parent
            self.connection_string: str = ready["connectionString"]
            self._control = Control(self.connection_string, self.control_port, self.ca)
            self.host = self._control.host
        except BaseException:
            self._process.kill()
            raise

    def __enter__(self) -> DpsEmulator:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the emulator."""
        self._process.stop()

    def device(self, registration_id: str, **options: Any) -> Device:
        """Makes a device, enrolls it unless an enrollment admits it already, and returns what it needs to register.

        The options are the keys of a `[[devices]]` table of the configuration, and `attestation` (`"x509"` unless given,
        or `"symmetricKey"`) and `ownEnrollment`.
        """
        made = self.call("POST", "/emulator/devices", {"registrationId": registration_id, **options})
        return Device(
            registration_id=registration_id,
            id_scope=made["idScope"],
            ca=made["ca"],
            mqtt_address=made["mqttAddress"],
            ws_address=made["wsAddress"],
            certificate=made.get("certificate"),
            certificate_file=self._file(registration_id, "pem", made.get("certificate")),
            private_key=made.get("privateKey"),
            private_key_file=self._file(registration_id, "key", made.get("privateKey")),
            symmetric_key=made.get("symmetricKey"),
        )

    def enroll(self, enrollment: Mapping[str, Any]) -> Dict[str, Any]:
        """Creates an enrollment or an enrollment group; replaces it if `enrollment` has its `etag`, or `*`.

        Returns it with its new `etag`.
        """
        headers = {"If-Match": enrollment["etag"]} if "etag" in enrollment else {}
        enrolled: Dict[str, Any] = self.call("PUT", _path_of(enrollment), enrollment, headers=headers)
        return enrolled

    def unenroll(self, enrollment: Mapping[str, Any]) -> None:
        """Deletes an enrollment or an enrollment group."""
        self.call("DELETE", _path_of(enrollment))

    def set_faults(self, *faults: Mapping[str, Any]) -> None:
        """Replaces all faults; without an argument there are none."""
        self.call("PUT", "/emulator/faults", list(faults))

    def faults(self) -> List[Dict[str, Any]]:
        """The faults that are left."""
        left: List[Dict[str, Any]] = self.call("GET", "/emulator/faults")
        return left

    def registrations(self) -> List[Dict[str, Any]]:
        """The states of all registrations."""
        return self._control.all("GET", "/emulator/registrations")

    def log(self, after: int = 0) -> List[LogEntry]:
        """The entries of the log after this number."""
        entries: List[LogEntry] = []
        following: Optional[str] = str(after)
        while following is not None:
            value, following = self._control.page("GET", "/emulator/log", query={"after": following})
            entries += value
        return entries

    def wait_for_log(
        self,
        match: Optional[Callable[[LogEntry], bool]] = None,
        *,
        after: int = 0,
        timeout: float = 10.0,
        **fields: Any,
    ) -> LogEntry:
        """The first entry of the log after number `after` that has these fields, and for which `match` is true, once
        there is one: `wait_for_log(kind="PUBLISH", direction="out", status=200)`. The emulator waits in whole seconds.
        """
        deadline = time.monotonic() + timeout
        seen = after
        while True:
            left = max(0.0, deadline - time.monotonic())
            wait = min(_LONGEST_WAIT, math.ceil(left))
            query = {"after": seen, "wait": wait}
            value, following = self._control.page("GET", "/emulator/log", query=query, timeout=wait + CALL_TIMEOUT)
            entries: List[LogEntry] = value
            for entry in entries:
                if _has_fields(entry, fields) and (match is None or match(entry)):
                    return entry
            if left == 0 and following is None:
                raise self._no_entry(match, fields, after, timeout)
            if entries:
                seen = entries[-1]["n"]

    def reset(self) -> None:
        """Makes everything as it was at the start: enrollments, faults, registrations and the log."""
        self.call("POST", "/emulator/reset")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        query: Optional[Mapping[str, Any]] = None,
        timeout: float = CALL_TIMEOUT,
    ) -> Any:
        """Any call of the control endpoint: the JSON of its answer. It fails if the emulator sends nothing for `timeout`
        seconds.
        """
        return self._control.page(method, path, body, headers, query, timeout).value

    def stderr(self) -> str:
        """What the emulator has written to standard error."""
        return self._process.stderr()

    def _file(self, registration_id: str, ending: str, text: Optional[str]) -> Optional[str]:
        if text is None:
            return None
        path = self._process.folder / f"{quote(registration_id, safe='')}.{ending}"
        path.write_text(text, encoding="ascii")
        return str(path)

    def _no_entry(
        self, match: Optional[Callable[[LogEntry], bool]], fields: Mapping[str, Any], after: int, timeout: float
    ) -> DpsEmulatorError:
        wanted = json.dumps(fields) if fields else "any"
        if match is not None:
            wanted += " for which the function is true"
        entries = self.log(after)
        last = "\n".join(json.dumps(entry) for entry in entries[-_SHOWN_ENTRIES:])
        has = f"its {len(entries)} entries end with:\n{last}" if entries else "it has no entry"
        return DpsEmulatorError(f"The log had no such entry within {timeout:g} s: {wanted}. After number {after} {has}")


def _path_of(enrollment: Mapping[str, Any]) -> str:
    ids = [(name, enrollment[key]) for key, name in _COLLECTIONS.items() if key in enrollment]
    if len(ids) != 1:
        raise DpsEmulatorError("An enrollment has a registrationId, or an enrollmentGroupId if it is a group.")
    [(name, identifier)] = ids
    return f"/{name}/{quote(identifier, safe='')}"


_COLLECTIONS = {"registrationId": "enrollments", "enrollmentGroupId": "enrollmentGroups"}
"""The member with an enrollment's id, and the path of such enrollments."""


def _has_fields(entry: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return all(entry.get(name) == value for name, value in fields.items())
