// Calls the service with the Node service SDK: reads a task as a line of JSON, and writes the result of the SDK.
'use strict';

const { readFileSync } = require('node:fs');
const https = require('node:https');
const { createInterface } = require('node:readline');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');

/** The SDK accepts no port in the connection string, so the agent has the port. */
function connect({ connectionString, controlPort, ca }) {
  const client = ProvisioningServiceClient.fromConnectionString(connectionString.replace(`:${controlPort};`, ';'));
  const agent = new https.Agent({ ca: readFileSync(ca) });
  agent.defaultPort = controlPort;
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
  getGroup: (client, { id }) => client.getEnrollmentGroup(id),
  groupKeys: (client, { id }) => client.getEnrollmentGroupAttestationMechanism(id),
  registration: (client, { id }) => client.getDeviceRegistrationState(id),
  // Its promise is never resolved: the SDK answers to a callback only.
  bulk: (client, { mode, enrollments }) =>
    new Promise((resolve, reject) => {
      const done = (error, result) => (error ? reject(error) : resolve(result));
      client.runBulkEnrollmentOperation({ mode, enrollments }, done);
    }),
  query: (client, { text, size }) => pages(client.createIndividualEnrollmentQuery({ query: text }, size)),
  queryGroups: (client, { text, size }) => pages(client.createEnrollmentGroupQuery({ query: text }, size)),
  queryRegistrations: (client, { text, id, size }) =>
    pages(client.createEnrollmentGroupDeviceRegistrationStateQuery({ query: text }, id, size)),
};

/** All pages of a query. */
async function pages(query) {
  const pages = [];
  do {
    pages.push((await query.next(query.continuationToken)).responseBody);
  } while (query.continuationToken);
  return pages;
}

async function perform(task) {
  const done = await tasks[task.do](connect(task), task);
  return done?.responseBody ?? done ?? null;
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const result = await perform(JSON.parse(line)).then(
      (done) => ({ done }),
      (error) => ({ error: { name: error.name, message: error.message, status: error.response?.statusCode } }),
    );
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}

main();
