"""The fixtures, as a project with this package has them. Needs pytest and the installed package."""

from register import register

pytest_plugins = ["pytester"]


def test_a_device_registers(dps_emulator):
    assert register(dps_emulator.device("meter-1"))["status"] == "assigned"


def test_nothing_is_left_of_the_test_before(dps_emulator):
    assert dps_emulator.registrations() == []


def test_options_come_from_conftest(pytester):
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def dps_emulator_options():
            return {"args": ["--id-scope", "0neTEST"]}
        """
    )
    pytester.makepyfile(
        """
        def test_id_scope(dps_emulator, dps_emulator_of_session):
            assert dps_emulator is dps_emulator_of_session
            assert dps_emulator.id_scope == "0neTEST"
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)
