import * as z from 'zod';
import { SERVICE_ERROR_CODES } from '../broker/service.ts';
import { type Issue, jsonPointer } from '../config/issue.ts';

export const PROBLEM_CODES = [
  ...SERVICE_ERROR_CODES,
  'validation-failed',
  'not-found',
  'method-not-allowed',
  'unsupported-media-type',
  'payload-too-large',
  'host-not-allowed',
  'internal',
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** The one table of problems: stable code → HTTP status and title. Documented in docs/api.md. */
export const PROBLEMS: Readonly<Record<ProblemCode, { readonly status: number; readonly title: string }>> = {
  'workload-not-found': { status: 404, title: 'There is no such workload' },
  'plan-not-found': { status: 404, title: 'There is no such plan' },
  'rebalance-not-found': { status: 404, title: 'There is no such rebalance' },
  'lease-not-found': { status: 404, title: 'There is no such lease' },
  'provider-not-found': { status: 404, title: 'There is no such provider' },
  'policy-not-found': { status: 404, title: 'There is no such policy in force' },
  'pool-not-found': { status: 404, title: 'There is no such pool' },
  'price-not-quarantined': { status: 404, title: 'The price is not in quarantine' },
  'price-unreadable': { status: 409, title: 'There is no price to accept' },
  'workload-conflict': { status: 409, title: 'The workload cannot be changed now' },
  'callback-not-found': { status: 404, title: 'There is no such machine to call back' },
  'callback-refused': { status: 401, title: 'The call back does not prove who calls' },
  'capacity-block-not-found': { status: 404, title: 'There is no such capacity block for sale' },
  'purchase-not-found': { status: 404, title: 'There is no such purchase' },
  'purchase-conflict': { status: 409, title: 'The purchase cannot do that now' },
  'provider-unavailable': { status: 502, title: 'The cloud did not answer' },
  'analysis-timeout': { status: 504, title: 'Planning took too long' },
  'not-ready': { status: 503, title: 'The broker is not ready yet' },
  'validation-failed': { status: 400, title: 'The request is not valid' },
  'not-found': { status: 404, title: 'There is nothing at this address' },
  'method-not-allowed': { status: 405, title: 'This address does not take this method' },
  'unsupported-media-type': { status: 415, title: 'The content type is not supported' },
  'payload-too-large': { status: 413, title: 'The request body is too large' },
  'host-not-allowed': { status: 421, title: 'This broker does not answer to this host name' },
  internal: { status: 500, title: 'The broker failed' },
};

/** One mistake of a request: in a JSON body by pointer, in a YAML body by line and column, in the query by parameter. */
export const problemErrorSchema = z
  .strictObject({
    message: z.string(),
    pointer: z.string().optional().meta({ description: 'JSON pointer into the body', example: '/spec/replicas' }),
    parameter: z.string().optional().meta({ description: 'Name of the query, path or header parameter' }),
    line: z.int().optional().meta({ description: '1-based line of a YAML body' }),
    column: z.int().optional().meta({ description: '1-based column of a YAML body' }),
    path: z.string().optional().meta({ description: 'What the line is about', example: 'spec.replicas' }),
  })
  .meta({ id: 'ProblemError' });
export type ProblemErrorJson = z.infer<typeof problemErrorSchema>;

/** RFC 9457. */
export const problemSchema = z
  .strictObject({
    type: z
      .string()
      .meta({ description: 'URN of the problem; ends in its code', example: 'urn:gpu-broker:problem:not-found' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(PROBLEM_CODES).meta({ description: 'Stable: programs decide by it' }),
    instance: z.string().meta({ description: 'URN of this request; the broker logs name it' }),
    errors: z.array(problemErrorSchema),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });
export type ProblemJson = z.infer<typeof problemSchema>;

/** A request that is answered with a problem. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly code: ProblemCode;
  readonly errors: readonly ProblemErrorJson[];
  constructor(code: ProblemCode, detail: string, errors: readonly ProblemErrorJson[] = []) {
    super(detail);
    this.code = code;
    this.errors = errors;
  }
}

/** A `validation-failed` of a JSON body; `prefix` is where in the body the checked document stands. */
export function invalidBody(issues: readonly Issue[], prefix: readonly PropertyKey[] = []): ApiProblem {
  const errors = issues.map(({ path, message }) => ({ message, pointer: jsonPointer([...prefix, ...path]) }));
  return new ApiProblem('validation-failed', summary(errors.length), errors);
}

/** How many mistakes a request has, for a problem's detail. */
export function summary(count: number): string {
  return count === 1 ? 'The request has one mistake' : `The request has ${count} mistakes`;
}

export function problemJson(problem: ApiProblem, requestId: string): ProblemJson {
  const { status, title } = PROBLEMS[problem.code];
  return {
    type: `urn:gpu-broker:problem:${problem.code}`,
    title,
    status,
    detail: problem.message,
    code: problem.code,
    instance: `urn:gpu-broker:request:${requestId}`,
    errors: [...problem.errors],
  };
}
