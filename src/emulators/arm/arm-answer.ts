import { createHash } from 'node:crypto';
import type { FrontResponse } from '../http/front.ts';

/** A refusal in Azure Resource Manager's words. Thrown by the parts of the front, answered by the front. */
export class ArmRefusal extends Error {
  override readonly name = 'ArmRefusal';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function refusalAnswer(refusal: ArmRefusal): FrontResponse {
  const { status, code, message, headers } = refusal;
  return jsonAnswer(status, { error: { code, message } }, headers);
}

export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): FrontResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache', ...headers },
    body: JSON.stringify(body),
  };
}

export function emptyAnswer(status: number, headers: Readonly<Record<string, string>> = {}): FrontResponse {
  return { status, headers, body: '' };
}

/** A GUID that is the same for the same parts: ids in the emulated cloud repeat from run to run. */
export function guidOf(...parts: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(parts.join('/')).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
