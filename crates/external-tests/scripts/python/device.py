"""Registers devices with the Python SDK: a cell a line comes in, what the SDK said goes out."""

import base64
import hmac
import json
import sys

from azure.iot.device import ProvisioningDeviceClient, X509


def client(cell):
    with open(cell["ca"], encoding="ascii") as file:
        ca = file.read()
    common = {
        "provisioning_host": cell["host"],
        "registration_id": cell["registrationId"],
        "id_scope": cell["idScope"],
        "server_verification_cert": ca,
        "websockets": cell["websocket"],
    }
    key = cell.get("symmetricKey")
    if "groupKey" in cell:
        # What a device of a group has instead of the group's key.
        digest = hmac.digest(base64.b64decode(cell["groupKey"]), cell["registrationId"].encode(), "sha256")
        key = base64.b64encode(digest).decode()
    if key:
        return ProvisioningDeviceClient.create_from_symmetric_key(symmetric_key=key, **common)
    return ProvisioningDeviceClient.create_from_x509_certificate(x509=X509(cell["cert"], cell["key"]), **common)


def register(cell):
    try:
        device = client(cell)
        if "payload" in cell:
            device.provisioning_payload = cell["payload"]
        result = device.register()
        state = result.registration_state
        return {
            "assigned": {
                "status": result.status,
                "deviceId": state.device_id,
                "assignedHub": state.assigned_hub,
                "substatus": state.sub_status,
                "payload": state.response_payload and json.loads(state.response_payload),
            },
        }
    except Exception as error:  # whatever it is, it is what the SDK said
        causes = [error]
        while causes[-1].__cause__:
            causes.append(causes[-1].__cause__)
        return {"error": {"message": "; ".join(f"{type(cause).__name__}: {cause}" for cause in causes)}}


for line in sys.stdin:
    print(json.dumps(register(json.loads(line))), flush=True)
