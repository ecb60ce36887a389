import type { z } from 'zod';
import type { RequestLog } from '../http/request-log.ts';
import type { World } from '../world/contract.ts';
import type { RunningClouds, WorldControl } from '../world/control-contract.ts';
import type { CloudId } from '../world/market-facts.ts';
import type { ControlProblem } from './views.ts';

/** What the control API speaks about. */
export interface ControlContext {
  readonly world: World;
  readonly control: WorldControl;
  readonly log: RequestLog;
  readonly clouds: readonly CloudId[];
  readonly endpoints: RunningClouds['endpoints'];
  readonly certificateAuthority: string;
}

export interface Call {
  /** What stands for `*` in the route's path, decoded; empty where it has none. */
  readonly part: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `*` stands for one segment. */
  readonly path: string;
  readonly run: (call: Call) => unknown;
}

/** An answer that is not 2xx; its problems name the fields and what is allowed in them. */
export class Refused extends Error {
  readonly status: number;
  readonly problems: ControlProblem['problems'];

  constructor(status: number, message: string, problems: ControlProblem['problems'] = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

export function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
  throw new Refused(400, 'the request has wrong fields', problems);
}

export function readBody<T>(schema: z.ZodType<T>, body: string): T {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Refused(400, 'the body must be JSON');
  }
  return read(schema, value);
}
