"""The process: how it starts and ends, and what is said if it does not. DPS_EMULATOR names the program."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from dps_emulator import DpsEmulator, DpsEmulatorError

START = """
import json, time
from dps_emulator import DpsEmulator
dps = DpsEmulator()
print(json.dumps({"port": dps.mqtt_port, "dir": str(dps.dir)}), flush=True)
"""


class TestProcess(unittest.TestCase):
    def test_it_ends_with_stop_twice_too_and_its_folder_is_removed(self):
        with DpsEmulator() as dps:
            self.assertTrue(os.path.exists(dps.ca_file))
        self.assertFalse(dps.dir.exists())
        self.assertFalse(listens(dps.mqtt_port))
        dps.stop()
        self.assertIsInstance(dps.stderr(), str)
        with self.assertRaisesRegex(DpsEmulatorError, r"^GET /emulator/faults was not answered .* still run\?$"):
            dps.faults()

    def test_a_folder_that_is_given_stays_and_its_ca_is_used_again(self):
        with tempfile.TemporaryDirectory() as folder:
            with DpsEmulator(dir=folder) as first:
                pass
            with DpsEmulator(dir=folder, args=["--id-scope", "0neTEST"]) as second:
                self.assertEqual(second.ca, first.ca)
                self.assertEqual(second.id_scope, "0neTEST")

    def test_a_folder_in_the_further_arguments_is_used_in_both_of_its_forms(self):
        with tempfile.TemporaryDirectory() as folder:
            for args in [["--dir", folder], [f"--dir={folder}"]]:
                with DpsEmulator(args=args) as dps:
                    self.assertEqual(str(dps.dir), os.path.realpath(folder))

    def test_a_program_that_is_missing_is_an_error_that_says_how_to_get_it(self):
        with self.assertRaisesRegex(DpsEmulatorError, r"^/nowhere/dps was not found\. Build it .*DPS_EMULATOR\.$"):
            DpsEmulator(binary="/nowhere/dps")

    def test_a_program_that_cannot_be_run_is_an_error(self):
        with self.assertRaisesRegex(DpsEmulatorError, "could not be started: Permission denied"):
            DpsEmulator(binary=tempfile.gettempdir())

    def test_a_port_in_use_is_an_error_that_names_it(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            named = re.compile(rf"ended before it was ready, with exit code 1\. It says:\n.*{port}", re.DOTALL)
            with self.assertRaisesRegex(DpsEmulatorError, named):
                DpsEmulator(mqtt_port=port)

    def test_a_configuration_with_a_mistake_is_an_error_with_what_the_emulator_says(self):
        named = re.compile(r"ended before it was ready, with exit code 2\. It says:\n.*/nowhere/dps\.toml", re.DOTALL)
        with self.assertRaisesRegex(DpsEmulatorError, named):
            DpsEmulator(config="/nowhere/dps.toml")

    def test_a_start_that_takes_too_long_is_an_error(self):
        with self.assertRaisesRegex(DpsEmulatorError, r"was not ready within 0 s \(option start_timeout\)"):
            DpsEmulator(start_timeout=0)

    def test_it_ends_with_the_program(self):
        with subprocess.Popen([sys.executable, "-c", START], stdout=subprocess.PIPE) as program:
            started = json.loads(program.stdout.readline())
        self.assertEqual(program.returncode, 0)
        self.assertTrue(is_gone(started["port"]))
        self.assertFalse(os.path.exists(started["dir"]))

    def test_it_ends_with_a_program_that_is_killed(self):
        with subprocess.Popen([sys.executable, "-c", f"{START}time.sleep(60)"], stdout=subprocess.PIPE) as program:
            started = json.loads(program.stdout.readline())
            program.kill()
        self.assertTrue(is_gone(started["port"]))


def is_gone(port):
    """Whether the port is closed within 10 s."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not listens(port):
            return True
        time.sleep(0.02)
    return False


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    unittest.main()
