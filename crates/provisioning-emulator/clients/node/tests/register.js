// A device that registers over HTTPS, without an SDK.

import { createHmac } from 'node:crypto';
import { request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';

/** Registers the device. Returns the registration's state, or the refusal with its `status`. */
export async function register(device) {
  const path = `/${device.idScope}/registrations/${device.registrationId}`;
  let answer = await send(device, 'PUT', `${path}/register`, { registrationId: device.registrationId });
  while (answer.status === 202) {
    await delay(10);
    answer = await send(device, 'GET', `${path}/operations/${answer.body.operationId}`);
  }
  return answer.status === 200 ? answer.body.registrationState : { status: answer.status, ...answer.body };
}

async function send(device, method, path, body) {
  const { hostname, port } = new URL(`https://${device.wsAddress}`);
  const { ca, certificate: cert, privateKey: key } = device;
  const headers = { 'content-type': 'application/json' };
  if (device.symmetricKey) headers.authorization = token(device);
  const target = `${path}?api-version=2019-03-31`;
  return new Promise((resolve, reject) => {
    const options = { method, hostname, port, path: target, ca, cert, key, headers, agent: false };
    const call = request(options, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString('utf8');
      resolve({ status: response.statusCode, body: JSON.parse(text) });
    });
    call.on('error', reject);
    call.end(body && JSON.stringify(body));
  });
}

function token({ idScope, registrationId, symmetricKey }) {
  const resource = encodeURIComponent(`${idScope}/registrations/${registrationId}`);
  const expiry = Math.floor(Date.now() / 1000) + 300;
  const hmac = createHmac('sha256', Buffer.from(symmetricKey, 'base64'));
  const signature = encodeURIComponent(hmac.update(`${resource}\n${expiry}`).digest('base64'));
  return `SharedAccessSignature sr=${resource}&sig=${signature}&se=${expiry}&skn=registration`;
}
