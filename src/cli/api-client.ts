import type * as z from 'zod';
import { type ProblemCode, type ProblemJson, problemSchema } from '../api/problems.ts';
import { CliError, EXIT } from './cli-error.ts';

export type Fetch = typeof fetch;

export type QueryValue = string | number | undefined;

/** The API over HTTP. Every failure is a {@link CliError}: unreachable, refused with a problem, or not understood. */
export class ApiClient {
  readonly #base: URL;
  readonly #fetch: Fetch;

  constructor(url: string, send: Fetch) {
    this.#base = baseUrl(url);
    this.#fetch = send;
  }

  async get<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    query: Readonly<Record<string, QueryValue>> = {},
  ): Promise<z.output<Schema>> {
    return this.#json(await this.send('GET', path, { query }), schema);
  }

  async post<Schema extends z.ZodType>(path: string, schema: Schema, body: unknown): Promise<z.output<Schema>> {
    const headers = { 'content-type': 'application/json' };
    return this.#json(await this.send('POST', path, { headers, body: JSON.stringify(body) }), schema);
  }

  async delete<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
    return this.#json(await this.send('DELETE', path, {}), schema);
  }

  /** Every page of a list. */
  async list<Item extends z.ZodType>(
    path: string,
    schema: z.ZodType<{ items: z.output<Item>[]; next: string | null }>,
    query: Readonly<Record<string, QueryValue>> = {},
  ): Promise<z.output<Item>[]> {
    const items: z.output<Item>[] = [];
    let cursor: string | undefined;
    do {
      const page: { items: z.output<Item>[]; next: string | null } = await this.get(path, schema, {
        ...query,
        limit: 500,
        cursor,
      });
      items.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return items;
  }

  /** A response with status 2xx. */
  async send(
    method: string,
    path: string,
    request: {
      readonly query?: Readonly<Record<string, QueryValue>>;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly signal?: AbortSignal;
    },
  ): Promise<Response> {
    const { query = {}, ...init } = request;
    const url = new URL(path.replace(/^\//, ''), this.#base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    let response: Response;
    try {
      response = await this.#fetch(url, { ...init, method });
    } catch (error) {
      if (init.signal?.aborted === true) throw error;
      throw unreachable(this.#base, error);
    }
    if (response.ok) return response;
    throw refused(await problemOf(response), response.status);
  }

  async #json<Schema extends z.ZodType>(response: Response, schema: Schema): Promise<z.output<Schema>> {
    const parsed = schema.safeParse(await bodyOf(response));
    if (parsed.success) return parsed.data;
    throw new CliError(
      EXIT.failed,
      `The answer of ${this.#base.origin} is not what this program expects`,
      'Check that --url names a gpu-broker, and that it is of the same version as this program.',
    );
  }
}

function baseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CliError(EXIT.usage, `"${text}" is not an http or https URL`, 'Write --url http://127.0.0.1:8080');
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

async function problemOf(response: Response): Promise<ProblemJson | null> {
  const parsed = problemSchema.safeParse(await bodyOf(response));
  return parsed.success ? parsed.data : null;
}

function unreachable(base: URL, error: unknown): CliError {
  return new CliError(
    EXIT.unreachable,
    `No broker answers at ${base.origin} (${reasonOf(error)})`,
    'Start one with "gpu-broker start", or name another with --url or GPU_BROKER_URL.',
  );
}

/** `ECONNREFUSED` and the like, from the cause that fetch wraps. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code);
  return cause instanceof Error ? cause.message : 'no connection';
}

/** What to do about a problem, where there is something to do. */
const ADVICE: Readonly<Partial<Record<ProblemCode, string>>> = {
  'workload-not-found': '"gpu-broker status" lists the workloads.',
  'plan-not-found': 'GET /v1/plans lists the plans; "gpu-broker risk" without an id takes the newest.',
  'analysis-timeout':
    'Ask for fewer --limits, leave running machines where they are with --keep-leases, or try again later.',
  'rebalance-not-found': '"gpu-broker rebalance list" lists the rebalances.',
  'provider-not-found': '"gpu-broker providers" lists the providers.',
  'policy-not-found': '"gpu-broker policy list" lists the policies in force.',
  'pool-not-found': '"gpu-broker offers --output json" shows each pool’s key.',
  'price-not-quarantined': '"gpu-broker offers --quarantined" lists the prices.',
  'workload-conflict': 'Wait until it is deleted ("gpu-broker status"), then try again.',
  'purchase-not-found': '"gpu-broker capacity-blocks status" lists the purchases.',
  'capacity-block-not-found': '"gpu-broker capacity-blocks list" shows what is for sale now.',
  'not-ready': 'The broker reads the clouds first; "gpu-broker providers" shows how far it is. Try again in a moment.',
  'host-not-allowed': 'Use the address the broker listens on, or allow this name in config/broker.yaml.',
  internal: 'The broker’s log has the cause under this request’s id.',
};

function refused(problem: ProblemJson | null, status: number): CliError {
  if (problem === null) {
    return new CliError(
      EXIT.failed,
      `The answer was HTTP ${status}, without a reason`,
      'Check that --url names a gpu-broker.',
    );
  }
  const errors = problem.errors.map(({ pointer, parameter, line, column, path, message }) => {
    const place = line === undefined ? (pointer ?? parameter ?? '') : `${line}:${column ?? 1} ${path ?? ''}`.trim();
    return `\n  ${place === '' ? '' : `${place}: `}${message}`;
  });
  const id = problem.code === 'internal' ? ` (${problem.instance})` : '';
  const message = `${problem.detail}${id}${errors.join('')}`;
  const exitCode = problem.code === 'validation-failed' ? EXIT.usage : EXIT.failed;
  return new CliError(exitCode, message, ADVICE[problem.code] ?? null);
}
