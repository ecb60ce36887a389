import type { Request, Response } from 'express';
import * as z from 'zod';
import type { BrokerService } from '../broker/service.ts';
import { checkAgainst } from '../config/schema-issues.ts';
import type { Clock } from '../domain/time.ts';
import { ApiProblem, type ProblemCode, summary } from './problems.ts';

export interface OperationContext {
  readonly service: BrokerService;
  readonly clock: Clock;
  readonly request: Request;
  readonly response: Response;
  /** A parameter of the path, decoded. */
  param(name: string): string;
}

export interface RequestBody {
  readonly description: string;
  /** Content types taken, each with the schema that documents it. */
  readonly content: Readonly<Record<string, z.ZodType>>;
  /** Where less than the usual 1 MiB is enough. */
  readonly limitBytes?: number;
}

export interface OperationReply {
  readonly description: string;
  readonly schema: z.ZodType;
  /** Content types besides JSON that the operation may answer with. */
  readonly otherContent?: Readonly<Record<string, z.ZodType>>;
}

/** One operation of the API: what the router mounts, and what the OpenAPI document says, from one definition. */
export interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** OpenAPI template: `/v1/workloads/{id}`. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Path parameters and what they mean. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: z.ZodObject;
  readonly body: RequestBody | null;
  /** The usual answer, status 200. */
  readonly reply: OperationReply;
  /** Problems of its own, besides those that any request can meet. */
  readonly problems: readonly ProblemCode[];
  /** The JSON to answer with, or `handled` when it answered itself. Throws ApiProblem or ServiceError. */
  handle(context: OperationContext): Promise<object | typeof HANDLED>;
}

/** Returned by an operation that wrote the response itself (a stream). */
export const HANDLED = Symbol('handled');

interface Definition<Query extends z.ZodRawShape>
  extends Omit<Operation, 'query' | 'handle' | 'params' | 'body' | 'problems'> {
  readonly params?: Operation['params'];
  readonly query?: Query;
  readonly body?: RequestBody;
  readonly problems?: readonly ProblemCode[];
  handle(
    context: OperationContext,
    query: z.output<z.ZodObject<Query, z.core.$strict>>,
  ): Promise<object | typeof HANDLED>;
}

export function defineOperation<Query extends z.ZodRawShape>(definition: Definition<Query>): Operation {
  const { handle, params = {}, query, body = null, problems = [], ...rest } = definition;
  const shape: z.ZodObject<Query, z.core.$strict> = z.strictObject(query ?? emptyShape<Query>());
  return {
    ...rest,
    params,
    query: shape,
    body,
    problems,
    handle: (context) => handle(context, checkedQuery(shape, context.request.query)),
  };
}

/** A definition without `query` has no parameters: its type argument is the empty shape. */
function emptyShape<Query extends z.ZodRawShape>(): Query {
  const shape: Partial<Query> = {};
  return shape as Query;
}

function checkedQuery<Schema extends z.ZodType>(schema: Schema, query: unknown): z.output<Schema> {
  const checked = checkAgainst(schema, { ...Object(query) });
  if (checked.ok) return checked.value;
  const errors = checked.issues.map(({ path, message }) => ({ parameter: String(path[0] ?? ''), message }));
  throw new ApiProblem('validation-failed', summary(errors.length), errors);
}
