// The error of this package.

/** What failed, what was expected and what to do. A call that the emulator refused has `status` and `errorCode`. */
export class DpsEmulatorError extends Error {
  constructor(message, { status, errorCode, cause } = {}) {
    super(message, cause && { cause });
    this.name = 'DpsEmulatorError';
    if (status !== undefined) this.status = status;
    if (errorCode !== undefined) this.errorCode = errorCode;
  }
}
