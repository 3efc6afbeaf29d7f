// Calls that something else than the emulator answers, or nothing. DPS_EMULATOR names the program.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Control } from '../control.js';
import { DpsEmulator, DpsEmulatorError } from '../index.js';

let server;
let control;
let answer;

before(async () => {
  // The certificate of an emulator, which its callers trust.
  const dps = await DpsEmulator.start();
  const read = (name) => readFileSync(join(dps.dir, name));
  server = createServer({ cert: read('server.pem'), key: read('server.key') }, (_, response) => answer(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  control = new Control({ ...dps, controlPort: server.address().port });
  await dps.stop();
});
after(() => {
  server.closeAllConnections();
  server.close();
});

for (const [body, reason] of [
  ['<html>no gateway</html>', '<html>no gateway</html>'],
  ['', 'no reason is given'],
  ['null', 'null'],
  ['{"message": "full", "errorCode": 502001}', 'full'],
]) {
  test(`a refusal with the body ${JSON.stringify(body)} has its status`, async () => {
    answer = (response) => response.writeHead(502).end(body);
    const error = await control.call('GET', '/x').catch((error) => error);
    assert.ok(error instanceof DpsEmulatorError, error);
    assert.equal(error.message, `GET /x was refused with 502: ${reason}`);
    assert.equal(error.status, 502);
  });
}

test('a success that is not JSON is an error that shows it', async () => {
  answer = (response) => response.end(`<html>${'x'.repeat(1000)}`);
  const expected = /^DpsEmulatorError: GET \/x was answered with 200, and not with JSON: <html>x{194}$/;
  await assert.rejects(control.call('GET', '/x'), expected);
});

for (const [what, begin] of [
  ['that is not answered', () => {}],
  ['whose answer does not end', (response) => response.write('{')],
]) {
  test(`a call ${what} is an error after its time`, async () => {
    answer = begin;
    const expected = /^DpsEmulatorError: GET \/x was not answered \(within 0\.2 s\)\. Does the emulator still run\?$/;
    await assert.rejects(control.call('GET', '/x', { timeout: 200 }), expected);
  });
}
