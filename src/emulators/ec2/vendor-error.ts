/** An answer that refuses a request, in AWS's own code and words. Thrown by actions, rendered by the front. */
export class VendorError extends Error {
  override readonly name = 'VendorError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** 400: what the caller sent is wrong. */
export function badRequest(code: string, message: string): VendorError {
  return new VendorError(400, code, message);
}
