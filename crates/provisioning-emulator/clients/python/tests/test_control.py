"""Calls that something else than the emulator answers, or nothing. DPS_EMULATOR names the program."""

import socket
import ssl
import threading
import unittest

from dps_emulator import DpsEmulator, DpsEmulatorError
from dps_emulator._control import Control


class TestControl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The certificate of an emulator, which its callers trust.
        with DpsEmulator() as dps:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(dps.dir / "server.pem", dps.dir / "server.key")
            cls.listener = socket.create_server(("127.0.0.1", 0))
            cls.control = Control(dps.connection_string, cls.listener.getsockname()[1], dps.ca)
        cls.tls = tls
        cls.addClassCleanup(cls.listener.close)

    def call(self, answer, **options):
        """Makes a call that is answered with these bytes. The connection stays open until the call has ended."""
        ended = threading.Event()
        serving = threading.Thread(target=self.serve, args=[answer, ended])
        serving.start()
        try:
            return self.control.page("GET", "/x", **options)
        finally:
            ended.set()
            serving.join()

    def serve(self, answer, ended):
        accepted, _ = self.listener.accept()
        with self.tls.wrap_socket(accepted, server_side=True) as peer:
            peer.recv(64 * 1024)
            peer.sendall(answer)
            ended.wait(10)

    def test_a_refusal_has_its_status_whatever_its_body_is(self):
        for body, reason in [
            (b"<html>no gateway</html>", "<html>no gateway</html>"),
            (b"", "no reason is given"),
            (b"null", "null"),
            (b"\xff", "\ufffd"),
            (b'{"message": "full", "errorCode": 502001}', "full"),
        ]:
            with self.subTest(body), self.assertRaises(DpsEmulatorError) as refused:
                self.call(b"HTTP/1.1 502 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            self.assertEqual(str(refused.exception), f"GET /x was refused with 502: {reason}")
            self.assertEqual(refused.exception.status, 502)

    def test_a_success_that_is_not_json_is_an_error_that_shows_it(self):
        body = b"<html>" + b"x" * 1000
        with self.assertRaisesRegex(DpsEmulatorError, "^GET /x was answered with 200, and not with JSON: <html>x{194}$"):
            self.call(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def test_a_call_that_is_not_answered_or_not_to_its_end_is_an_error_after_its_time(self):
        for begin in [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]:
            expected = r"^GET /x was not answered \(within 0\.2 s\)\. Does the emulator still run\?$"
            with self.subTest(begin), self.assertRaisesRegex(DpsEmulatorError, expected):
                self.call(begin, timeout=0.2)


if __name__ == "__main__":
    unittest.main()
