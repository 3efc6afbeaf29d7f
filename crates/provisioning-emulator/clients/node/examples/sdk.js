import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import device from 'azure-iot-provisioning-device';
import mqtt from 'azure-iot-provisioning-device-mqtt';
import symmetricKeys from 'azure-iot-security-symmetric-key';
import x509 from 'azure-iot-security-x509';
import { DpsEmulator } from 'dps-emulator';

const { ProvisioningDeviceClient } = device;
const { Mqtt } = mqtt;
const { SymmetricKeySecurityClient } = symmetricKeys;
const { X509Security } = x509;

let dps;

before(async () => {
  dps = await DpsEmulator.start();
});
after(() => dps.stop());
beforeEach(() => dps.reset());

/** The SDK's transport, with the emulator's port and CA. */
class LocalMqtt extends Mqtt {
  constructor() {
    super();
    this._mqttBase.setOptions({ ca: dps.ca });
  }

  _getConnectionUri() {
    return `mqtts://${dps.host}:${dps.mqttPort}`;
  }
}

function register(security) {
  return ProvisioningDeviceClient.create(dps.host, dps.idScope, new LocalMqtt(), security).register();
}

test('a device with a certificate is assigned', async () => {
  const { certificate, privateKey } = await dps.device('meter-1');
  const assigned = await register(new X509Security('meter-1', { cert: certificate, key: privateKey }));
  assert.equal(assigned.deviceId, 'meter-1');
  const [registration] = await dps.registrations();
  assert.equal(registration.assignedHub, assigned.assignedHub);
});

test('a device whose first request fails tries again, and is assigned', async () => {
  const { symmetricKey } = await dps.device('meter-2', { attestation: 'symmetricKey' });
  await dps.setFaults({ name: 'error', code: 500, device: 'meter-2' });
  const assigned = await register(new SymmetricKeySecurityClient('meter-2', symmetricKey));
  assert.equal(assigned.status, 'assigned');
  await dps.waitForLog({ kind: 'fault', registrationId: 'meter-2' });
});
