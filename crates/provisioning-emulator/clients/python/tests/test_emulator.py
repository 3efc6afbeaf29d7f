"""An emulator that runs: devices, enrollments, faults, the log. DPS_EMULATOR names the program."""

import os
import re
import threading
import unittest

from dps_emulator import Device, DpsEmulator, DpsEmulatorError

from register import register

KEY = "cHJpbWFyeQ=="
ATTESTATION = {"type": "symmetricKey", "symmetricKey": {"primaryKey": KEY, "secondaryKey": "c2Vjb25kYXJ5"}}


class TestEmulator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dps = DpsEmulator()
        cls.addClassCleanup(cls.dps.stop)

    def setUp(self):
        self.dps.reset()

    def test_it_says_where_it_listens_and_what_clients_must_trust(self):
        for port in ["mqtt_port", "ws_port", "control_port", "page_port"]:
            self.assertGreater(getattr(self.dps, port), 0, port)
        self.assertEqual(self.dps.host, "localhost")
        self.assertEqual(self.dps.id_scope, "0ne00000000")
        self.assertTrue(self.dps.ca.startswith("-----BEGIN CERTIFICATE-----"))
        self.assertTrue(os.path.exists(self.dps.ca_file))
        self.assertIn(";SharedAccessKey=", self.dps.connection_string)

    def test_a_device_with_a_certificate_or_a_key_registers(self):
        for attestation in ["x509", "symmetricKey"]:
            with self.subTest(attestation):
                self.dps.reset()
                device = self.dps.device("meter-1", attestation=attestation)
                self.assertEqual(register(device)["status"], "assigned")
                [state] = self.dps.registrations()
                self.assertEqual((state["registrationId"], state["status"]), ("meter-1", "assigned"))

    def test_a_device_shows_no_secret(self):
        with_certificate = self.dps.device("meter-1")
        self.assertNotIn("PRIVATE KEY", repr(with_certificate))
        with_key = self.dps.device("meter-2", attestation="symmetricKey")
        self.assertNotIn(with_key.symmetric_key, repr(with_key))

    def test_a_device_is_treated_as_its_options_say(self):
        device = self.dps.device("meter-1", failed={"errorCode": 400209, "message": "no"})
        state = register(device)
        self.assertEqual((state["status"], state["errorCode"]), ("failed", 400209))

    def test_registrations_are_listed_over_all_pages(self):
        ids = [f"meter-{index}" for index in range(100, 201)]
        for registration_id in ids:
            register(self.dps.device(registration_id, attestation="symmetricKey", polls=0))
        self.assertEqual([state["registrationId"] for state in self.dps.registrations()], ids)

    def test_an_enrollment_is_created_replaced_with_its_etag_and_deleted(self):
        address = f"{self.dps.host}:{self.dps.ws_port}"
        device = Device("own", self.dps.id_scope, self.dps.ca, "", address, symmetric_key=KEY)
        enrollment = {"registrationId": "own", "attestation": ATTESTATION}
        created = self.dps.enroll(enrollment)
        self.assertEqual(register(device)["status"], "assigned")
        with self.assertRaises(DpsEmulatorError) as refused:
            self.dps.enroll(enrollment)
        self.assertEqual((refused.exception.status, refused.exception.error_code), (409, 409201))
        self.dps.enroll({**created, "provisioningStatus": "disabled"})
        self.assertEqual(register(device)["status"], "disabled")
        self.dps.unenroll(created)
        self.assertEqual(register(device)["status"], 401)

    def test_a_group_is_created_and_deleted(self):
        group = self.dps.enroll({"enrollmentGroupId": "line-1", "attestation": ATTESTATION})
        self.assertTrue(group["etag"])
        self.dps.unenroll(group)
        with self.assertRaisesRegex(DpsEmulatorError, "refused with 404"):
            self.dps.unenroll(group)
        with self.assertRaisesRegex(DpsEmulatorError, "registrationId, or an enrollmentGroupId"):
            self.dps.enroll({"attestation": ATTESTATION})

    def test_faults_trigger_as_often_as_they_say_and_are_in_the_log(self):
        device = self.dps.device("meter-1", attestation="symmetricKey")
        fault = {"name": "error", "code": 503, "device": "meter-1"}
        self.dps.set_faults(fault, {**fault, "device": "other"})
        self.assertEqual(len(self.dps.faults()), 2)
        self.assertEqual(register(device)["status"], 503)
        self.assertEqual(register(device)["status"], "assigned")
        self.assertEqual(self.dps.wait_for_log(kind="fault")["registrationId"], "meter-1")
        self.assertEqual([fault["device"] for fault in self.dps.faults()], ["other"])
        self.dps.set_faults()
        self.assertEqual(self.dps.faults(), [])

    def test_a_call_that_is_refused_is_an_error_with_the_reason(self):
        with self.assertRaisesRegex(
            DpsEmulatorError, r"^PUT /emulator/faults was refused with 400: Fault 1: .*melt"
        ) as refused:
            self.dps.set_faults({"name": "melt"})
        self.assertEqual(refused.exception.status, 400)

    def test_an_entry_of_the_log_is_waited_for(self):
        device = self.dps.device("meter-1", attestation="symmetricKey")
        registering = threading.Thread(target=register, args=[device])
        registering.start()
        found = self.dps.wait_for_log(lambda entry: entry["port"] == "websocket", kind="HTTP", status=200)
        registering.join()
        self.assertEqual(found["registrationId"], "meter-1")
        log = self.dps.log()
        self.assertIn(found, log)
        self.assertEqual(self.dps.log(after=log[-1]["n"]), [])

    def test_an_entry_that_does_not_come_is_an_error_that_shows_the_log(self):
        register(self.dps.device("meter-1", attestation="symmetricKey"))
        last = self.dps.log()[-1]["n"]
        with self.assertRaisesRegex(
            DpsEmulatorError, re.compile("such entry within 0 s: .*CONNECT.*\n.*HTTP", re.DOTALL)
        ):
            self.dps.wait_for_log(kind="CONNECT", timeout=0)
        with self.assertRaisesRegex(DpsEmulatorError, f"number {last} it has no entry"):
            self.dps.wait_for_log(kind="CONNECT", timeout=0, after=last)

    def test_a_log_of_several_answers_is_read_to_its_end(self):
        # Each of these calls has an entry of about 8 KiB; an answer has 256 KiB.
        calls = 50
        for index in range(calls):
            with self.assertRaises(DpsEmulatorError):
                self.dps.call("GET", f"/enrollments/{index}-{'x' * 8000}")
        log = self.dps.log()
        self.assertEqual(sum(entry["kind"] == "control" for entry in log), calls)
        last = log[-1]["n"]
        self.assertEqual(self.dps.wait_for_log(n=last, timeout=0)["n"], last)


if __name__ == "__main__":
    unittest.main()
