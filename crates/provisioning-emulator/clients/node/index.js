// A local DPS that runs for a test.

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { CALL_TIMEOUT, Control } from './control.js';
import { DpsEmulatorError } from './error.js';
import { EmulatorProcess } from './process.js';

export { DpsEmulatorError };

/** The longest wait of one call for the log, in seconds. */
const LONGEST_WAIT = 60;

/** How many entries of the log the error of `waitForLog` shows. */
const SHOWN_ENTRIES = 10;

export class DpsEmulator {
  #process;
  #control;

  /** Starts an emulator and waits until it is ready. */
  static async start(options = {}) {
    const { binary = process.env.DPS_EMULATOR || 'dps-emulator', startTimeout = 30_000 } = options;
    const { emulator, ready } = await EmulatorProcess.start(binary, flags(options), startTimeout);
    return new DpsEmulator(emulator, ready);
  }

  /** Callers use `start`. */
  constructor(emulator, ready) {
    this.#process = emulator;
    this.mqttPort = ready.mqttPort;
    this.wsPort = ready.wsPort;
    this.controlPort = ready.controlPort;
    this.pagePort = ready.pagePort;
    this.idScope = ready.idScope;
    this.caFile = ready.ca;
    this.ca = readFileSync(ready.ca, 'utf8');
    this.dir = dirname(ready.ca);
    this.connectionString = ready.connectionString;
    this.#control = new Control(this);
    this.host = this.#control.host;
  }

  /** Makes a device, enrolls it unless an enrollment admits it already, and returns what it needs to register. */
  device(registrationId, options = {}) {
    return this.call('POST', '/emulator/devices', { body: { registrationId, ...options } });
  }

  /** Creates an enrollment or an enrollment group; replaces it if `enrollment` has its `etag`. */
  async enroll(enrollment) {
    const headers = enrollment.etag && { 'if-match': enrollment.etag };
    return this.call('PUT', pathOf(enrollment), { body: enrollment, headers });
  }

  /** Deletes an enrollment or an enrollment group. */
  async unenroll(enrollment) {
    await this.call('DELETE', pathOf(enrollment));
  }

  /** Replaces all faults. */
  async setFaults(...faults) {
    await this.call('PUT', '/emulator/faults', { body: faults.flat() });
  }

  /** The faults that are left. */
  faults() {
    return this.call('GET', '/emulator/faults');
  }

  /** The states of all registrations. */
  registrations() {
    return this.#control.all('GET', '/emulator/registrations');
  }

  /** The entries of the log after a number. */
  async log({ after = 0 } = {}) {
    const entries = [];
    for (let from = after; from !== undefined; ) {
      const { value, next } = await this.#control.page('GET', '/emulator/log', { query: { after: from } });
      entries.push(...value);
      from = next;
    }
    return entries;
  }

  /** The first entry of the log that matches, once there is one. */
  async waitForLog(match, { after = 0, timeout = 10_000 } = {}) {
    const matches = typeof match === 'function' ? match : (entry) => hasFields(entry, match);
    const deadline = Date.now() + timeout;
    for (let seen = after; ; ) {
      const left = Math.max(0, deadline - Date.now());
      const wait = Math.min(LONGEST_WAIT, Math.ceil(left / 1000));
      const options = { query: { after: seen, wait }, timeout: wait * 1000 + CALL_TIMEOUT };
      const { value, next } = await this.#control.page('GET', '/emulator/log', options);
      const found = value.find(matches);
      if (found) return found;
      if (left === 0 && next === undefined) throw await this.#noEntry(match, after, timeout);
      seen = value.at(-1)?.n ?? seen;
    }
  }

  /** Makes everything as it was at the start: enrollments, faults, registrations and the log. */
  async reset() {
    await this.call('POST', '/emulator/reset');
  }

  /** Any call of the control endpoint: its JSON. */
  call(method, path, options) {
    return this.#control.call(method, path, options);
  }

  /** What the emulator has written to standard error. */
  stderr() {
    return this.#process.stderr();
  }

  /** Ends the emulator. */
  stop() {
    return this.#process.stop();
  }

  async #noEntry(match, after, timeout) {
    const wanted = typeof match === 'function' ? 'an entry that the function accepts' : JSON.stringify(match);
    const entries = await this.log({ after });
    const last = entries.slice(-SHOWN_ENTRIES).map((entry) => JSON.stringify(entry));
    const has = last.length ? `its ${entries.length} entries end with:\n${last.join('\n')}` : 'it has no entry';
    return new DpsEmulatorError(
      `The log had no such entry within ${timeout / 1000} s: ${wanted}. After number ${after} ${has}`,
    );
  }
}

if (Symbol.asyncDispose) {
  DpsEmulator.prototype[Symbol.asyncDispose] = DpsEmulator.prototype.stop;
}

/** The flags for these options. */
function flags({ mqttPort = 0, wsPort = 0, controlPort = 0, pagePort = 0, dir, config, args = [] }) {
  const ports = { 'mqtt-port': mqttPort, 'ws-port': wsPort, 'control-port': controlPort, 'page-port': pagePort };
  const given = Object.entries({ ...ports, dir, config }).filter(([, value]) => value !== undefined);
  return [...given.flatMap(([name, value]) => [`--${name}`, String(value)]), ...args];
}

function pathOf({ registrationId, enrollmentGroupId }) {
  if ((registrationId === undefined) === (enrollmentGroupId === undefined)) {
    throw new DpsEmulatorError('An enrollment has a registrationId, or an enrollmentGroupId if it is a group.');
  }
  const [name, id] =
    registrationId === undefined ? ['enrollmentGroups', enrollmentGroupId] : ['enrollments', registrationId];
  return `/${name}/${encodeURIComponent(id)}`;
}

/** Whether an entry has these fields, with these values. */
function hasFields(entry, fields) {
  return Object.entries(fields).every(([name, value]) => entry[name] === value);
}
