// The process: how it starts and ends, and what is said if it does not. DPS_EMULATOR names the program.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { DpsEmulator } from '../index.js';

test('it ends with stop, twice too, and its folder is removed', async () => {
  const dps = await DpsEmulator.start();
  assert.ok(existsSync(dps.caFile));
  await dps.stop();
  assert.ok(!existsSync(dps.dir));
  assert.ok(!(await listens(dps.mqttPort)));
  await dps.stop();
  assert.equal(typeof dps.stderr(), 'string');
  await assert.rejects(dps.faults(), /^DpsEmulatorError: GET \/emulator\/faults was not answered .* still run\?/);
});

test('a folder that is given stays, and its CA is used again', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'dps-test-'));
  const first = await DpsEmulator.start({ dir });
  await first.stop();
  const second = await DpsEmulator.start({ dir, args: ['--id-scope', '0neTEST'] });
  await second.stop();
  assert.equal(second.ca, first.ca);
  assert.equal(second.idScope, '0neTEST');
  rmSync(dir, { recursive: true });
});

test('a folder in the further arguments is used in both of its forms', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'dps-test-'));
  for (const args of [['--dir', dir], [`--dir=${dir}`]]) {
    const dps = await DpsEmulator.start({ args });
    await dps.stop();
    assert.equal(dps.dir, dir);
  }
  rmSync(dir, { recursive: true });
});

test('a program that is missing is an error that says how to get it', async () => {
  await assert.rejects(DpsEmulator.start({ binary: '/nowhere/dps-emulator' }), {
    name: 'DpsEmulatorError',
    message: /^\/nowhere\/dps-emulator was not found\. Build it .*DPS_EMULATOR\.$/,
  });
});

test('a port in use is an error that names it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const named = new RegExp(`ended before it was ready, with exit code 1\\. It says:\n.*${port}`, 's');
  await assert.rejects(DpsEmulator.start({ mqttPort: port }), named);
  server.close();
});

test('a configuration with a mistake is an error with what the emulator says', async () => {
  const named = /ended before it was ready, with exit code 2\. It says:\n.*\/nowhere\/dps\.toml/s;
  await assert.rejects(DpsEmulator.start({ config: '/nowhere/dps.toml' }), named);
});

test('a start that takes too long is an error', async () => {
  await assert.rejects(DpsEmulator.start({ startTimeout: 0 }), /was not ready within 0 s \(option startTimeout\)/);
});

const START = `import { DpsEmulator } from ${JSON.stringify(new URL('../index.js', import.meta.url).href)};
  const dps = await DpsEmulator.start();
  console.log(JSON.stringify({ port: dps.mqttPort, dir: dps.dir }));`;

test('it keeps no program from ending, and ends with it', async () => {
  const { port, dir } = await run(START);
  assert.ok(await isGone(port));
  assert.ok(!existsSync(dir));
});

test('it ends with a program that is killed', async () => {
  const { port } = await run(`${START} setInterval(() => {}, 1000);`, (child) => child.kill('SIGKILL'));
  assert.ok(await isGone(port));
});

/** Runs a program until it has ended. Returns the line of JSON that it prints. */
async function run(program, onLine = () => {}) {
  const words = ['--input-type=module', '--eval', program];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  onLine(child);
  await ended;
  return JSON.parse(line);
}

/** Whether the port is closed within 10 s. */
async function isGone(port) {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await delay(20)) {
    if (!(await listens(port))) return true;
  }
  return false;
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
