// The process of `dps-emulator`: it starts, is ready, and ends, at the latest with this process.

import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { DpsEmulatorError } from './error.js';

/** How often the ready file is looked for, in milliseconds. */
const POLL_INTERVAL = 20;

/** How long the emulator may take to end before it is killed, in milliseconds; it needs at most 5 s by itself. */
const STOP_TIMEOUT = 10_000;

/** The processes that run. */
const running = new Set();

process.on('exit', () => running.forEach((emulator) => emulator.kill()));

export class EmulatorProcess {
  /** What it had written when its folder was removed. */
  #lastStderr;

  /** Starts the program. `start` is the only caller. */
  constructor(binary, args) {
    this.binary = binary;
    // For its owner only: the ready file has the key of the control endpoint.
    this.folder = mkdtempSync(join(tmpdir(), 'dps-emulator-'));
    this.dir = join(this.folder, 'dps');
    const stderr = openSync(this.#stderrFile(), 'w');
    const own = ['--ready-file', this.#readyFile(), '--end-with-stdin'];
    const isDir = (word) => word === '--dir' || word.startsWith('--dir=');
    const dir = args.some(isDir) ? [] : ['--dir', this.dir];
    // Its end of the pipe is closed with this process, whatever ends it. A file for stderr never stalls the emulator.
    this.child = spawn(binary, [...own, ...dir, ...args], { stdio: ['pipe', 'ignore', stderr], windowsHide: true });
    closeSync(stderr);
    this.ended = new Promise((resolve) => {
      this.child.once('error', resolve);
      this.child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    this.child.stdin.on('error', () => {}); // it ended before its input: `ended` says so
    running.add(this);
  }

  /** Starts the program and waits until it is ready: the process, and the object in its ready file. */
  static async start(binary, args, timeout) {
    const emulator = new EmulatorProcess(binary, args);
    const waiting = new AbortController();
    try {
      const ready = await Promise.race([
        emulator.#ready(timeout, waiting.signal),
        emulator.ended.then((end) => Promise.reject(emulator.#endedEarly(end))),
      ]);
      // It keeps no program from ending.
      emulator.child.unref();
      return { emulator, ready };
    } catch (error) {
      emulator.kill();
      throw error;
    } finally {
      waiting.abort();
    }
  }

  /** What it has written to standard error. */
  stderr() {
    return this.#lastStderr ?? readFileSync(this.#stderrFile(), 'utf8');
  }

  /** Ends it, and removes its temporary folder. */
  async stop() {
    this.child.ref();
    this.child.stdin.end();
    const waiting = new AbortController();
    await Promise.race([this.ended, delay(STOP_TIMEOUT, undefined, waiting).catch(() => {})]);
    waiting.abort();
    this.kill();
    await this.ended;
  }

  /** Kills it if it still runs, and removes its temporary folder. */
  kill() {
    running.delete(this);
    this.child.kill('SIGKILL');
    this.#lastStderr = this.stderr();
    // What is still open stays, on systems that do not remove it.
    try {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
    } catch {}
  }

  async #ready(timeout, signal) {
    for (const deadline = Date.now() + timeout; Date.now() < deadline; ) {
      const text = await readFile(this.#readyFile(), 'utf8').catch((error) => {
        if (error.code !== 'ENOENT') throw error;
      });
      if (text !== undefined) return JSON.parse(text);
      await delay(POLL_INTERVAL, undefined, { signal });
    }
    throw new DpsEmulatorError(
      `${this.binary} was not ready within ${timeout / 1000} s (option startTimeout).${this.#said()}`,
    );
  }

  #endedEarly(end) {
    if (end instanceof Error) return notStarted(this.binary, end);
    const how = end.signal ? `by ${end.signal}` : `with exit code ${end.code}`;
    return new DpsEmulatorError(`${this.binary} ended before it was ready, ${how}.${this.#said()}`);
  }

  #said() {
    const said = this.stderr().trim();
    return said && ` It says:\n${said}`;
  }

  #readyFile() {
    return join(this.folder, 'ready.json');
  }

  #stderrFile() {
    return join(this.folder, 'stderr.txt');
  }
}

function notStarted(binary, cause) {
  const missing = `${binary} was not found. Build it (cargo build --release -p provisioning-emulator), and put it on \
PATH or give its path as the option "binary" or in the environment variable DPS_EMULATOR.`;
  const message = cause.code === 'ENOENT' ? missing : `${binary} could not be started: ${cause.message}.`;
  return new DpsEmulatorError(message, { cause });
}
