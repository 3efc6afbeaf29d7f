"""Calls of the emulator's control endpoint, signed with its key."""

from __future__ import annotations

import base64
import hmac
import json
import re
import socket
import ssl
import time
from http.client import HTTPException, HTTPSConnection
from typing import Any, Dict, List, Mapping, NamedTuple, Optional
from urllib.parse import quote, urlencode

from ._error import DpsEmulatorError

_API_VERSION = "2021-10-01"
"""The version that calls of the service's REST API name."""

_TOKEN_LIFETIME = 300
"""How long a token is valid, in seconds: each call has its own."""

CALL_TIMEOUT = 30.0
"""How long the emulator may send nothing during a call, in seconds, unless the caller says otherwise."""

_SHOWN_CHARACTERS = 200
"""How much of an answer that is not the emulator's an error shows."""


class Page(NamedTuple):
    """The JSON of an answer (None if it has none), and with what the next page begins."""

    value: Any
    next: Optional[str]


class Control:
    """The control endpoint. Each call has a connection of its own, so threads may share it."""

    def __init__(self, connection_string: str, port: int, ca: str) -> None:
        fields = dict(part.split("=", 1) for part in connection_string.split(";"))
        self.host = re.sub(r":\d+$", "", fields["HostName"])
        self._port = port
        self._policy = fields["SharedAccessKeyName"]
        self._key = base64.b64decode(fields["SharedAccessKey"])
        self._tls = ssl.create_default_context(cadata=ca)

    def page(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        query: Optional[Mapping[str, Any]] = None,
        timeout: float = CALL_TIMEOUT,
    ) -> Page:
        """Makes a call. It fails if the emulator sends nothing for `timeout` seconds."""
        target = f"{path}?{urlencode({'api-version': _API_VERSION, **(query or {})})}"
        all_headers = {"Authorization": self._token(), **(headers or {})}
        text = None
        if body is not None:
            text = json.dumps(body).encode()
            all_headers["Content-Type"] = "application/json"
        connection = HTTPSConnection(self.host.strip("[]"), self._port, timeout=timeout, context=self._tls)
        try:
            connection.request(method, target, body=text, headers=all_headers)
            answer = connection.getresponse()
            content = answer.read().decode(errors="replace")
        except socket.timeout as error:
            message = f"{method} {path} was not answered (within {timeout:g} s). Does the emulator still run?"
            raise DpsEmulatorError(message) from error
        except (OSError, HTTPException) as error:
            message = f"{method} {path} was not answered ({error}). Does the emulator still run?"
            raise DpsEmulatorError(message) from error
        finally:
            connection.close()
        # The status first: what answers in the emulator's place, such as a proxy, has another body or none.
        shown = content.strip()[:_SHOWN_CHARACTERS]
        try:
            value = json.loads(content) if content else None
        except ValueError as error:
            if answer.status < 300:
                message = f"{method} {path} was answered with {answer.status}, and not with JSON: {shown}"
                raise DpsEmulatorError(message, answer.status) from error
            value = None
        if answer.status >= 300:
            refusal = value if isinstance(value, dict) else {}
            reason = refusal.get("message") or shown or "no reason is given"
            message = f"{method} {path} was refused with {answer.status}: {reason}"
            raise DpsEmulatorError(message, answer.status, refusal.get("errorCode"))
        return Page(value, answer.getheader("x-ms-continuation"))

    def all(self, method: str, path: str) -> List[Any]:
        """The items of all pages."""
        items: List[Any] = []
        headers: Dict[str, str] = {}
        while True:
            value, following = self.page(method, path, headers=headers)
            items += value
            if following is None:
                return items
            headers = {"x-ms-continuation": following}

    def _token(self) -> str:
        expiry = int(time.time()) + _TOKEN_LIFETIME
        resource = quote(self.host, safe="")
        digest = hmac.digest(self._key, f"{resource}\n{expiry}".encode(), "sha256")
        signature = quote(base64.b64encode(digest), safe="")
        return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={self._policy}"
