// Plays the service behind a broker: answers registrations as the service does, and tells what it was asked.
'use strict';

const mqtt = require('mqtt');

const [port, assignedHub] = process.argv.slice(2);
const OPERATION = '4.0123456789abcdef.00000000-0000-4000-8000-000000000000';

/** What the service says to a request: the status, the body, and what follows in the topic. */
function answer(kind, payload) {
  if (kind === 'GET') {
    const registrationState = { registrationId: 'device-1', deviceId: 'device-1', assignedHub, status: 'assigned' };
    return [200, { operationId: OPERATION, status: 'assigned', registrationState }, ''];
  }
  if (JSON.parse(payload).payload === 'refuse me') {
    return [401, { errorCode: 401002, trackingId: 'of-the-broker-run', message: 'Invalid certificate.' }, ''];
  }
  return [202, { operationId: OPERATION, status: 'assigning' }, '&retry-after=1'];
}

function tell(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { clientId: 'the-service' });

client.on('message', (topic, bytes) => {
  const payload = bytes.toString();
  tell({ asked: topic, payload });
  const [, kind, query] = topic.match(/^\$dps\/registrations\/(PUT|GET)\/[^/]+\/\?(.*)$/);
  const [status, body, more] = answer(kind, payload);
  const rid = new URLSearchParams(query).get('$rid');
  client.publish(`$dps/registrations/res/${status}/?$rid=${rid}${more}`, JSON.stringify(body), { qos: 1 });
});

client.subscribe(['$dps/registrations/PUT/#', '$dps/registrations/GET/#'], { qos: 1 }, (error) => {
  if (error) throw error;
  tell({ ready: true });
});
