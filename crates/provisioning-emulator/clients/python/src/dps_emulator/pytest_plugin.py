"""Fixtures for pytest, which finds them by itself once this package is installed."""

from __future__ import annotations

from typing import Any, Dict, Iterator

import pytest

from ._emulator import DpsEmulator


@pytest.fixture(scope="session")
def dps_emulator_options() -> Dict[str, Any]:
    """The arguments of `DpsEmulator` for `dps_emulator`. Override it in the outermost conftest.py: there is one emulator."""
    return {}


@pytest.fixture(scope="session")
def dps_emulator_of_session(dps_emulator_options: Dict[str, Any]) -> Iterator[DpsEmulator]:
    """The emulator of all tests, as the tests before have left it."""
    with DpsEmulator(**dps_emulator_options) as emulator:
        yield emulator


@pytest.fixture
def dps_emulator(dps_emulator_of_session: DpsEmulator) -> DpsEmulator:
    """The same emulator, as it was at its start."""
    dps_emulator_of_session.reset()
    return dps_emulator_of_session
