"""A local Azure IoT Hub Device Provisioning Service that runs for a test."""

from ._emulator import DpsEmulator
from ._error import DpsEmulatorError
from ._types import Device, LogEntry

__all__ = ["Device", "DpsEmulator", "DpsEmulatorError", "LogEntry"]
