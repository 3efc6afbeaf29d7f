// Registers devices with the Node SDK: a cell a line comes in, what the SDK said goes out.
'use strict';

const { createHmac } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');

/** The SDK's transports know the service's own ports only. */
function transport(cell) {
  const base = cell.websocket ? MqttWs : Mqtt;
  const uri = cell.websocket
    ? `wss://${cell.host}:${cell.port}/$iothub/websocket`
    : `mqtts://${cell.host}:${cell.port}`;
  return new (class extends base {
    _getConnectionUri() {
      return uri;
    }
  })();
}

/** What a device of a group has instead of the group's key. */
function derived(groupKey, registrationId) {
  return createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64');
}

function credential(cell) {
  if (cell.groupKey) {
    return new SymmetricKeySecurityClient(cell.registrationId, derived(cell.groupKey, cell.registrationId));
  }
  if (cell.symmetricKey) return new SymmetricKeySecurityClient(cell.registrationId, cell.symmetricKey);
  return new X509Security(cell.registrationId, {
    cert: readFileSync(cell.cert, 'utf8'),
    key: readFileSync(cell.key, 'utf8'),
  });
}

async function register(cell) {
  const client = ProvisioningDeviceClient.create(cell.host, cell.idScope, transport(cell), credential(cell));
  if (cell.payload !== undefined) client.setProvisioningPayload(cell.payload);
  return client.register();
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const said = await register(JSON.parse(line)).then(
      (assigned) => ({ assigned }),
      (error) => ({ error: { message: `${error.name}: ${error.message}`, answer: error.result } }),
    );
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
}

main();
