// An emulator that runs: devices, enrollments, faults, the log. DPS_EMULATOR names the program.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';

import { DpsEmulator, DpsEmulatorError } from '../index.js';
import { register } from './register.js';

const KEY = 'cHJpbWFyeQ==';
const attestation = { type: 'symmetricKey', symmetricKey: { primaryKey: KEY, secondaryKey: 'c2Vjb25kYXJ5' } };

let dps;

before(async () => {
  dps = await DpsEmulator.start();
});
after(() => dps.stop());
beforeEach(() => dps.reset());

test('it says where it listens and what clients must trust', () => {
  for (const port of ['mqttPort', 'wsPort', 'controlPort', 'pagePort']) assert.ok(dps[port] > 0, port);
  assert.equal(dps.host, 'localhost');
  assert.equal(dps.idScope, '0ne00000000');
  assert.match(dps.ca, /^-----BEGIN CERTIFICATE-----/);
  assert.ok(existsSync(dps.caFile));
  assert.match(dps.connectionString, /;SharedAccessKey=/);
});

for (const kind of ['x509', 'symmetricKey']) {
  test(`a device with ${kind} registers`, async () => {
    const device = await dps.device('meter-1', { attestation: kind });
    assert.equal((await register(device)).status, 'assigned');
    const [{ registrationId, status }, ...others] = await dps.registrations();
    assert.deepEqual([registrationId, status, others], ['meter-1', 'assigned', []]);
  });
}

test('a device is treated as its options say', async () => {
  const device = await dps.device('meter-1', { failed: { errorCode: 400209, message: 'no' } });
  const state = await register(device);
  assert.deepEqual([state.status, state.errorCode], ['failed', 400209]);
});

test('registrations are listed over all pages', async () => {
  const ids = Array.from({ length: 101 }, (_, index) => `meter-${index + 100}`);
  for (const id of ids) await register(await dps.device(id, { attestation: 'symmetricKey', polls: 0 }));
  assert.deepEqual((await dps.registrations()).map(({ registrationId }) => registrationId), ids);
});

test('an enrollment is created, replaced with its etag, and deleted', async () => {
  const wsAddress = `${dps.host}:${dps.wsPort}`;
  const device = { registrationId: 'own', idScope: dps.idScope, ca: dps.ca, wsAddress, symmetricKey: KEY };
  const created = await dps.enroll({ registrationId: 'own', attestation });
  assert.equal((await register(device)).status, 'assigned');
  await assert.rejects(dps.enroll({ registrationId: 'own', attestation }), { status: 409, errorCode: 409201 });
  await dps.enroll({ ...created, provisioningStatus: 'disabled' });
  assert.equal((await register(device)).status, 'disabled');
  await dps.unenroll(created);
  assert.equal((await register(device)).status, 401);
});

test('a group is created and deleted', async () => {
  const group = await dps.enroll({ enrollmentGroupId: 'line-1', attestation });
  assert.ok(group.etag);
  await dps.unenroll(group);
  await assert.rejects(dps.unenroll(group), { status: 404 });
  await assert.rejects(dps.enroll({ attestation }), /registrationId, or an enrollmentGroupId/);
});

test('faults trigger as often as they say, and are in the log', async () => {
  const device = await dps.device('meter-1', { attestation: 'symmetricKey' });
  const fault = { name: 'error', code: 503, device: 'meter-1' };
  await dps.setFaults(fault, { ...fault, device: 'other' });
  assert.equal((await dps.faults()).length, 2);
  assert.equal((await register(device)).status, 503);
  assert.equal((await register(device)).status, 'assigned');
  assert.equal((await dps.waitForLog({ kind: 'fault' })).registrationId, 'meter-1');
  assert.deepEqual((await dps.faults()).map(({ device }) => device), ['other']);
  await dps.setFaults();
  assert.deepEqual(await dps.faults(), []);
});

test('a call that is refused is an error with the reason', async () => {
  await assert.rejects(dps.setFaults({ name: 'melt' }), (error) => {
    assert.ok(error instanceof DpsEmulatorError);
    assert.equal(error.status, 400);
    assert.match(error.message, /^PUT \/emulator\/faults was refused with 400: Fault 1: .*melt/);
    return true;
  });
});

test('an entry of the log is waited for', async () => {
  const device = await dps.device('meter-1', { attestation: 'symmetricKey' });
  const waiting = dps.waitForLog((entry) => entry.kind === 'HTTP' && entry.status === 200);
  const [found] = await Promise.all([waiting, register(device)]);
  assert.equal(found.registrationId, 'meter-1');
  const log = await dps.log();
  assert.ok(log.some(({ n }) => n === found.n));
  assert.deepEqual(await dps.log({ after: log.at(-1).n }), []);
});

test('an entry that does not come is an error that shows the log', async () => {
  await register(await dps.device('meter-1', { attestation: 'symmetricKey' }));
  const { n } = (await dps.log()).at(-1);
  const missing = { kind: 'CONNECT' };
  await assert.rejects(dps.waitForLog(missing, { timeout: 0 }), /no such entry within 0 s: .*CONNECT.*\n.*HTTP/s);
  await assert.rejects(dps.waitForLog(missing, { timeout: 0, after: n }), new RegExp(`number ${n} it has no entry`));
});

test('a log of several answers is read to its end', async () => {
  // Each of these calls has an entry of about 8 KiB; an answer has 256 KiB.
  const calls = 50;
  for (let index = 0; index < calls; index += 1) {
    await assert.rejects(dps.call('GET', `/enrollments/${index}-${'x'.repeat(8000)}`), DpsEmulatorError);
  }
  const log = await dps.log();
  assert.equal(log.filter(({ kind }) => kind === 'control').length, calls);
  const last = log.at(-1).n;
  assert.equal((await dps.waitForLog({ n: last }, { timeout: 0 })).n, last);
});
