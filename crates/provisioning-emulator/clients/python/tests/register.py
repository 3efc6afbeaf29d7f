"""A device that registers over HTTPS, without an SDK."""

import base64
import hmac
import json
import ssl
import time
from http.client import HTTPSConnection
from urllib.parse import quote


def register(device):
    """Registers the device. Returns the registration's state, or the refusal with its `status`."""
    path = f"/{device.id_scope}/registrations/{device.registration_id}"
    status, answer = _send(device, "PUT", f"{path}/register", {"registrationId": device.registration_id})
    while status == 202:
        time.sleep(0.01)
        status, answer = _send(device, "GET", f"{path}/operations/{answer['operationId']}")
    return answer["registrationState"] if status == 200 else {"status": status, **answer}


def _send(device, method, path, body=None):
    tls = ssl.create_default_context(cadata=device.ca)
    headers = {"Content-Type": "application/json"}
    if device.symmetric_key:
        headers["Authorization"] = _token(device)
    else:
        tls.load_cert_chain(device.certificate_file, device.private_key_file)
    connection = HTTPSConnection(device.ws_address, context=tls)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, f"{path}?api-version=2019-03-31", body=content, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def _token(device):
    resource = quote(f"{device.id_scope}/registrations/{device.registration_id}", safe="")
    expiry = int(time.time()) + 300
    digest = hmac.digest(base64.b64decode(device.symmetric_key), f"{resource}\n{expiry}".encode(), "sha256")
    signature = quote(base64.b64encode(digest), safe="")
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=registration"
