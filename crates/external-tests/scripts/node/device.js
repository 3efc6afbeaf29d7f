// Registers devices with the Node SDK: reads the parameters of a registration as a line of JSON, and writes the result.
'use strict';

const { createHmac } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');

/** The SDK's MQTT transports connect to the ports of the service only. */
function transport(params) {
  if (params.https) return new Http();
  const base = params.websocket ? MqttWs : Mqtt;
  const uri = params.websocket
    ? `wss://${params.host}:${params.port}/$iothub/websocket`
    : `mqtts://${params.host}:${params.port}`;
  return new (class extends base {
    _getConnectionUri() {
      return uri;
    }
  })();
}

/** The key of a device of a group. */
function derived(groupKey, registrationId) {
  return createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64');
}

function credential(params) {
  if (params.groupKey) {
    return new SymmetricKeySecurityClient(params.registrationId, derived(params.groupKey, params.registrationId));
  }
  if (params.symmetricKey) return new SymmetricKeySecurityClient(params.registrationId, params.symmetricKey);
  return new X509Security(params.registrationId, {
    cert: readFileSync(params.cert, 'utf8'),
    key: readFileSync(params.key, 'utf8'),
  });
}

async function register(params) {
  const client = ProvisioningDeviceClient.create(params.host, params.idScope, transport(params), credential(params));
  if (params.payload !== undefined) client.setProvisioningPayload(params.payload);
  return client.register();
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const result = await register(JSON.parse(line)).then(
      (assigned) => ({ assigned }),
      (error) => ({ error: { message: `${error.name}: ${error.message}`, answer: error.result } }),
    );
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}

main();
