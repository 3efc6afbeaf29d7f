// Does what operators do, with the Node service SDK: a task a line comes in, what the SDK said goes out.
'use strict';

const { readFileSync } = require('node:fs');
const https = require('node:https');
const { createInterface } = require('node:readline');
const { promisify } = require('node:util');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');

/** The SDK's connection string has no place for a port, its agent has. */
function connect(ready) {
  const client = ProvisioningServiceClient.fromConnectionString(
    ready.connectionString.replace(`:${ready.controlPort};`, ';'),
  );
  const agent = new https.Agent({ ca: readFileSync(ready.ca) });
  agent.defaultPort = ready.controlPort;
  client._restApiClient.setOptions({ http: { agent } });
  return client;
}

const tasks = {
  put: (client, { enrollment }) => client.createOrUpdateIndividualEnrollment(enrollment),
  get: (client, { id }) => client.getIndividualEnrollment(id),
  delete: (client, { id }) => client.deleteIndividualEnrollment(id),
  keys: (client, { id }) => client.getIndividualEnrollmentAttestationMechanism(id),
  putGroup: (client, { enrollment }) => client.createOrUpdateEnrollmentGroup(enrollment),
  deleteGroup: (client, { id }) => client.deleteEnrollmentGroup(id),
  // Page after page, until there is no other.
  query: async (client, { text, size }) => {
    const query = client.createIndividualEnrollmentQuery({ query: text }, size);
    const pages = [];
    do {
      pages.push((await query.next(query.continuationToken)).responseBody);
    } while (query.continuationToken);
    return pages;
  },
  // Not the service's: what goes wrong next.
  faults: (client, { faults }) => {
    const headers = { 'Content-Type': 'application/json; charset=utf-8' };
    return promisify(client._restApiClient.executeApiCall).call(client._restApiClient, 'PUT', '/emulator/faults', headers, faults);
  },
};

async function perform(task) {
  const done = await tasks[task.do](connect(task.ready), task);
  return done?.responseBody ?? done ?? null;
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const said = await perform(JSON.parse(line)).then(
      (done) => ({ done }),
      (error) => ({ error: { name: error.name, message: error.message, status: error.response?.statusCode } }),
    );
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
}

main();
