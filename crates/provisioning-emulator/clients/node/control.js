// Calls of the emulator's control endpoint, signed with its key.

import { createHmac } from 'node:crypto';
import { request } from 'node:https';

import { DpsEmulatorError } from './error.js';

/** The version that calls of the service's REST API name. */
const API_VERSION = '2021-10-01';

/** How long a token is valid, in seconds: each call has its own. */
const TOKEN_LIFETIME = 300;

/** How long a call may take unless its caller says otherwise, in milliseconds. */
export const CALL_TIMEOUT = 30_000;

/** How much of an answer that is not the emulator's an error shows, in characters. */
const SHOWN_CHARACTERS = 200;

export class Control {
  constructor({ connectionString, controlPort, ca }) {
    const fields = new Map(connectionString.split(';').map((field) => field.split(/=(.*)/s, 2)));
    this.host = fields.get('HostName').replace(/:\d+$/, '');
    this.port = controlPort;
    this.policy = fields.get('SharedAccessKeyName');
    this.key = Buffer.from(fields.get('SharedAccessKey'), 'base64');
    this.ca = ca;
  }

  /** The JSON of the answer (`null` if it has none) and the number or key with which the next page begins. */
  async page(method, path, { body, headers = {}, query = {}, timeout = CALL_TIMEOUT } = {}) {
    const parameters = new URLSearchParams({ 'api-version': API_VERSION, ...query });
    const { status, text, continuation } = await this.#send(method, `${path}?${parameters}`, headers, body, timeout);
    const value = parsed(text);
    const shown = text.trim().slice(0, SHOWN_CHARACTERS);
    // The status first: what answers in the emulator's place, such as a proxy, has another body or none.
    if (status >= 300) {
      const { message = shown || 'no reason is given', errorCode } = value ?? {};
      throw new DpsEmulatorError(`${method} ${path} was refused with ${status}: ${message}`, { status, errorCode });
    }
    if (value === undefined) {
      throw new DpsEmulatorError(`${method} ${path} was answered with ${status}, and not with JSON: ${shown}`, { status });
    }
    return { value, next: continuation };
  }

  /** The JSON of the answer. */
  async call(method, path, options) {
    return (await this.page(method, path, options)).value;
  }

  /** The items of all pages. */
  async all(method, path) {
    const items = [];
    for (let headers = {}; headers; ) {
      const { value, next } = await this.page(method, path, { headers });
      items.push(...value);
      headers = next && { 'x-ms-continuation': next };
    }
    return items;
  }

  #send(method, path, headers, body, timeout) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const options = {
      method,
      path,
      host: this.host.replace(/^\[|\]$/g, ''),
      port: this.port,
      ca: this.ca,
      agent: false, // a connection for each call: none is kept that the emulator closes when it is idle
      headers: {
        host: `${this.host}:${this.port}`,
        authorization: this.#token(),
        ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...headers,
      },
    };
    return new Promise((resolve, reject) => {
      const failed = (cause) => {
        clearTimeout(timer);
        const message = `${method} ${path.split('?')[0]} was not answered (${cause.message}). Does the emulator still run?`;
        reject(new DpsEmulatorError(message, { cause }));
      };
      const call = request(options, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', failed);
        response.on('end', () => {
          clearTimeout(timer);
          resolve({
            status: response.statusCode,
            continuation: response.headers['x-ms-continuation'],
            text: Buffer.concat(chunks).toString('utf8'),
          });
        });
      });
      const timer = setTimeout(() => {
        failed(new Error(`within ${timeout / 1000} s`));
        call.destroy();
      }, timeout);
      call.on('error', failed);
      call.end(text);
    });
  }

  #token() {
    const expiry = Math.floor(Date.now() / 1000) + TOKEN_LIFETIME;
    const resource = encodeURIComponent(this.host);
    const signature = createHmac('sha256', this.key).update(`${resource}\n${expiry}`).digest('base64');
    return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${this.policy}`;
  }
}

/** The JSON in a text: `null` if it is empty, `undefined` if it is not JSON. */
function parsed(text) {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
