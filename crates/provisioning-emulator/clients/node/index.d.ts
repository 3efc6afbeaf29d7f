// The types of this package.

export interface StartOptions {
  /** The path of `dps-emulator`. Unless given, the environment variable `DPS_EMULATOR`, else found on `PATH`. */
  binary?: string;
  /** Its `--dir`. Unless given, a temporary folder that is removed with the emulator. */
  dir?: string;
  /** Its `--config`: a file, TOML. */
  config?: string;
  /** The port of MQTT; a free one unless given. */
  mqttPort?: number;
  /** The port of MQTT over WebSocket and of the HTTPS device API; a free one unless given. */
  wsPort?: number;
  /** The port of the control endpoint; a free one unless given. */
  controlPort?: number;
  /** The port of the page; a free one unless given. */
  pagePort?: number;
  /** Further arguments, such as `['--listen', '127.0.0.8']`. */
  args?: string[];
  /** How long it may take until it is ready, in milliseconds; 30,000 unless given. */
  startTimeout?: number;
}

/** How a device is treated: the keys of a `[[devices]]` table of the configuration, and two more. */
export interface DeviceOptions {
  /** `x509` unless given. */
  attestation?: 'x509' | 'symmetricKey';
  /** Whether the device gets an enrollment of its own even if a group admits it. */
  ownEnrollment?: boolean;
  certificate?: { expired?: boolean; notYetValid?: boolean; key?: 'p256' | 'p384' | 'rsa'; intermediate?: boolean };
  polls?: number;
  neverAssigned?: boolean;
  disabled?: boolean;
  throttled?: { times: number; retryAfter?: number | 'absent' | string; status?: number };
  [key: string]: unknown;
}

/** What a device needs to register. It has a certificate and its key, or a symmetric key. */
export interface Device {
  registrationId: string;
  idScope: string;
  /** The CA that the device must trust, PEM. */
  ca: string;
  /** The host and port of MQTT over TLS. */
  mqttAddress: string;
  /** The host and port of MQTT over WebSocket and of the HTTPS device API. */
  wsAddress: string;
  /** The certificate and those that issued it, leaf first, PEM. */
  certificate?: string;
  /** PEM. */
  privateKey?: string;
  /** Base64. */
  symmetricKey?: string;
}

/** An enrollment or an enrollment group in the words of the service's REST API. */
export interface Enrollment {
  registrationId?: string;
  enrollmentGroupId?: string;
  attestation?: Record<string, unknown>;
  /** An enrollment that exists is replaced only with its `etag`, or `*`. */
  etag?: string;
  [key: string]: unknown;
}

/** A fault: the manual has the names, the steps and the parameters. */
export interface Fault {
  name: string;
  step?: string;
  /** The registration id; every device unless given. */
  device?: string;
  /** How often it triggers; once unless given. */
  count?: number | 'always';
  [parameter: string]: unknown;
}

/** An entry of the log. */
export interface LogEntry {
  n: number;
  /** RFC 3339, UTC. */
  time: string;
  connection?: number;
  peer?: string;
  port?: string;
  direction: 'in' | 'out' | 'note';
  kind: string;
  registrationId?: string;
  topic?: string;
  status?: number;
  reason?: string;
  payload?: string;
  [field: string]: unknown;
}

/** The state of a registration. */
export interface Registration {
  registrationId: string;
  status: string;
  assignedHub?: string;
  deviceId?: string;
  substatus?: string;
  errorCode?: number;
  errorMessage?: string;
  [member: string]: unknown;
}

export interface CallOptions {
  /** JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  query?: Record<string, string | number>;
  /** How long the call may take, in milliseconds; 30,000 unless given. */
  timeout?: number;
}

/** What failed, what was expected and what to do. */
export class DpsEmulatorError extends Error {
  /** The status with which the emulator refused a call. */
  status?: number;
  /** The service's error code of such a refusal. */
  errorCode?: number;
}

/** A local DPS that runs for a test. It ends with `stop`, and at the latest with this process. */
export class DpsEmulator {
  private constructor();

  /** Starts an emulator and waits until it is ready. */
  static start(options?: StartOptions): Promise<DpsEmulator>;

  /** The host of every port; its ports. */
  readonly host: string;
  readonly mqttPort: number;
  readonly wsPort: number;
  readonly controlPort: number;
  readonly pagePort: number;
  readonly idScope: string;
  /** The CA that clients must trust, PEM, and its file. */
  readonly ca: string;
  readonly caFile: string;
  /** The folder with the CA and the keys. */
  readonly dir: string;
  /** For service SDKs. It contains the key of the control endpoint. */
  readonly connectionString: string;

  /** Makes a device, enrolls it unless an enrollment admits it already, and returns what it needs to register. */
  device(registrationId: string, options?: DeviceOptions): Promise<Device>;

  /** Creates an enrollment, or an enrollment group; replaces it if it has an `etag`. Returns it with its new `etag`. */
  enroll(enrollment: Enrollment): Promise<Enrollment>;

  /** Deletes an enrollment or an enrollment group. */
  unenroll(enrollment: Pick<Enrollment, 'registrationId' | 'enrollmentGroupId'>): Promise<void>;

  /** Replaces all faults; without an argument there are none. */
  setFaults(...faults: (Fault | Fault[])[]): Promise<void>;

  /** The faults that are left. */
  faults(): Promise<Fault[]>;

  /** The states of all registrations. */
  registrations(): Promise<Registration[]>;

  /** The entries of the log after number `after`, 0 unless given. */
  log(options?: { after?: number }): Promise<LogEntry[]>;

  /**
   * The first entry of the log after number `after` that matches, once there is one: an entry that has these fields, or
   * for which the function returns true. Rejects after `timeout` milliseconds, 10,000 unless given; the emulator waits
   * in whole seconds.
   */
  waitForLog(
    match: Partial<LogEntry> | ((entry: LogEntry) => boolean),
    options?: { after?: number; timeout?: number },
  ): Promise<LogEntry>;

  /** Makes everything as it was at the start: enrollments, faults, registrations and the log. */
  reset(): Promise<void>;

  /** Any call of the control endpoint: the JSON of its answer. */
  call(method: string, path: string, options?: CallOptions): Promise<any>;

  /** What the emulator has written to standard error. */
  stderr(): string;

  /** Ends the emulator. */
  stop(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}
