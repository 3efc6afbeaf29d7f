import pytest


@pytest.fixture(scope="session")
def dps_emulator_options():
    # The SDK knows port 8883 only: the emulator has an address of its own, where the port is free.
    return {"mqtt_port": 8883, "args": ["--listen", "127.0.0.8"]}
