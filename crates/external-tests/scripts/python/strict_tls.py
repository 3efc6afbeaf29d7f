"""Connects with strict verification of certificates: reads ports as a line of JSON, writes the error of each or null."""

import json
import socket
import ssl
import sys


def connect(ca, port, cipher):
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if cipher:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
    try:
        with socket.create_connection(("localhost", port), timeout=10) as tcp:
            with context.wrap_socket(tcp, server_hostname="localhost"):
                return None
    except OSError as error:
        return f"{type(error).__name__}: {error}"


for line in sys.stdin:
    question = json.loads(line)
    answers = [connect(question["ca"], port, question.get("cipher")) for port in question["ports"]]
    print(json.dumps(answers), flush=True)
