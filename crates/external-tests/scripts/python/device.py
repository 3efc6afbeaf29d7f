"""Registers devices with the Python SDK: reads the parameters of a registration as a line of JSON, writes the result."""

import base64
import hmac
import json
import sys

from azure.iot.device import ProvisioningDeviceClient, X509


def client(params):
    with open(params["ca"], encoding="ascii") as file:
        ca = file.read()
    common = {
        "provisioning_host": params["host"],
        "registration_id": params["registrationId"],
        "id_scope": params["idScope"],
        "server_verification_cert": ca,
        "websockets": params["websocket"],
    }
    key = params.get("symmetricKey")
    if "groupKey" in params:
        # The key of a device of a group.
        digest = hmac.digest(base64.b64decode(params["groupKey"]), params["registrationId"].encode(), "sha256")
        key = base64.b64encode(digest).decode()
    if key:
        return ProvisioningDeviceClient.create_from_symmetric_key(symmetric_key=key, **common)
    return ProvisioningDeviceClient.create_from_x509_certificate(x509=X509(params["cert"], params["key"]), **common)


def register(params):
    try:
        device = client(params)
        if "payload" in params:
            device.provisioning_payload = params["payload"]
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
    except Exception as error:  # any error is a result of the SDK
        causes = [error]
        while causes[-1].__cause__:
            causes.append(causes[-1].__cause__)
        return {"error": {"message": "; ".join(f"{type(cause).__name__}: {cause}" for cause in causes)}}


for line in sys.stdin:
    print(json.dumps(register(json.loads(line))), flush=True)
