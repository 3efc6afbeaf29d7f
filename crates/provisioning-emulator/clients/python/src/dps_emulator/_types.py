"""What the emulator answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, TypedDict


@dataclass(frozen=True)
class Device:
    """What a device needs to register. It has a certificate and its key, or a symmetric key."""

    registration_id: str
    id_scope: str
    ca: str
    """The CA that the device must trust, PEM."""
    mqtt_address: str
    """The host and port of MQTT over TLS."""
    ws_address: str
    """The host and port of MQTT over WebSocket and of the HTTPS device API."""
    certificate: Optional[str] = None
    """The certificate and those that issued it, leaf first, PEM."""
    certificate_file: Optional[str] = None
    """The same in a file, which is removed with the emulator."""
    private_key: Optional[str] = field(default=None, repr=False)
    """PEM."""
    private_key_file: Optional[str] = None
    """The same in a file."""
    symmetric_key: Optional[str] = field(default=None, repr=False)
    """Base64."""


class _Numbered(TypedDict):
    n: int
    time: str
    direction: str
    kind: str


class LogEntry(_Numbered, total=False):
    """An entry of the log. A field that does not apply is left out."""

    connection: int
    peer: str
    port: str
    registrationId: str
    topic: str
    status: int
    reason: str
    payload: str
