import pytest
from azure.iot.device import ProvisioningDeviceClient, X509
from azure.iot.device.exceptions import ClientError


def test_a_device_with_a_certificate_is_assigned(dps_emulator):
    device = dps_emulator.device("meter-1")
    client = ProvisioningDeviceClient.create_from_x509_certificate(
        provisioning_host=dps_emulator.host,
        registration_id="meter-1",
        id_scope=dps_emulator.id_scope,
        x509=X509(device.certificate_file, device.private_key_file),
        server_verification_cert=dps_emulator.ca,
    )
    assigned = client.register()
    assert assigned.registration_state.device_id == "meter-1"
    [registration] = dps_emulator.registrations()
    assert registration["assignedHub"] == assigned.registration_state.assigned_hub


def test_a_device_whose_request_is_refused_gets_an_error(dps_emulator):
    device = dps_emulator.device("meter-2", attestation="symmetricKey")
    dps_emulator.set_faults({"name": "error", "code": 400, "device": "meter-2"})
    client = ProvisioningDeviceClient.create_from_symmetric_key(
        provisioning_host=dps_emulator.host,
        registration_id="meter-2",
        id_scope=dps_emulator.id_scope,
        symmetric_key=device.symmetric_key,
        server_verification_cert=dps_emulator.ca,
    )
    with pytest.raises(ClientError):
        client.register()
    dps_emulator.wait_for_log(kind="fault", registrationId="meter-2")
