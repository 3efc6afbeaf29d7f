// Registers a device with mqtt.js: reads the parameters of a registration as a line of JSON, and writes the result.
'use strict';

const { readFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const mqtt = require('mqtt');

function options(params) {
  return {
    clientId: params.registrationId,
    username: `${params.idScope}/registrations/${params.registrationId}/api-version=2019-03-31&ClientVersion=mqtt.js`,
    ca: readFileSync(params.ca),
    cert: readFileSync(params.cert),
    key: readFileSync(params.key),
    protocolVersion: 4,
    reconnectPeriod: 0,
    wsOptions: params.websocket ? { ca: readFileSync(params.ca), cert: readFileSync(params.cert), key: readFileSync(params.key) } : undefined,
  };
}

async function register(params) {
  const url = params.websocket
    ? `wss://${params.host}:${params.port}/$iothub/websocket`
    : `mqtts://${params.host}:${params.port}`;
  const client = await mqtt.connectAsync(url, options(params));
  await client.subscribeAsync('$dps/registrations/res/#', { qos: 1 });
  const request = async (topic, body) => {
    const answered = new Promise((resolve) => client.once('message', (topic, payload) => resolve({ topic, payload })));
    await client.publishAsync(topic, body, { qos: 1 });
    const { topic: answer, payload } = await answered;
    const wait = Number(new URLSearchParams(answer.split('?')[1]).get('retry-after') ?? 0);
    return { wait, body: JSON.parse(payload) };
  };
  const body = JSON.stringify({ registrationId: params.registrationId });
  let answer = await request('$dps/registrations/PUT/iotdps-register/?$rid=1', body);
  while (answer.body.status === 'assigning') {
    await new Promise((resolve) => setTimeout(resolve, answer.wait * 1000));
    const id = answer.body.operationId;
    answer = await request(`$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=${id}`, '');
  }
  await client.endAsync();
  return answer.body.registrationState;
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const result = await register(JSON.parse(line)).then(
      (assigned) => ({ assigned }),
      (error) => ({ error: { message: `${error.name}: ${error.message}` } }),
    );
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}

main();
