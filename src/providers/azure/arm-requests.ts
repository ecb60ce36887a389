import type { HttpClient, HttpMethods, PipelineResponse } from '@azure/core-rest-pipeline';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  RestError,
} from '@azure/core-rest-pipeline';
import { z } from 'zod';
import type { Call } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Answer } from './calls.ts';
import { answerOf } from './calls.ts';
import type { AzureClients } from './clients.ts';
import { providerErrorOf } from './errors.ts';

/** A request to an API of Resource Manager that no installed SDK speaks. */
export interface ArmRequest {
  readonly method: HttpMethods;
  /** Path that begins with a slash, its segments encoded; or the absolute link of a next page. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface ArmAnswer {
  readonly status: number;
  /** Null where the answer had no body. */
  readonly body: unknown;
}

const httpClient: HttpClient = createDefaultHttpClient();

/**
 * Sends the request once through the SDK's own pipeline: same credential, agent, authority and retry-off policy as its typed calls.
 * Throws only the signal's reason.
 */
export function askArm(clients: AzureClients, request: ArmRequest, call: Call): Promise<Answer<ArmAnswer>> {
  return answerOf(call, async () => {
    const response = await clients.compute.pipeline.sendRequest(
      httpClient,
      createPipelineRequest({
        url: urlOf(clients, request).href,
        method: request.method,
        abortSignal: call.signal,
        headers: createHttpHeaders({ accept: 'application/json', 'content-type': 'application/json' }),
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      }),
    );
    if (response.status < 200 || response.status >= 300) throw restErrorOf(response);
    return { status: response.status, body: bodyOf(response) };
  });
}

/** Only our own endpoint gets the token: a link that leads elsewhere is not followed. */
function urlOf(clients: AzureClients, { path, query }: ArmRequest): URL {
  const url = new URL(path, clients.resourceManagerUrl);
  if (url.origin !== new URL(clients.resourceManagerUrl).origin)
    throw new Error(`the link leads away from Resource Manager: ${url.origin}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}

function bodyOf(response: PipelineResponse): unknown {
  const text = response.bodyAsText ?? '';
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new RestError('the answer is not JSON', { code: RestError.PARSE_ERROR, statusCode: response.status });
  }
}

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }).partial() });

function restErrorOf(response: PipelineResponse): RestError {
  let body: unknown = null;
  try {
    body = bodyOf(response);
  } catch {
    // A proxy's page: the status has to do.
  }
  const { code = '', message = `HTTP ${response.status}` } = errorSchema.safeParse(body).data?.error ?? {};
  return new RestError(message, { code, statusCode: response.status, response });
}

const pageSchema = z.object({ value: z.array(z.unknown()), nextLink: z.string().nullish() });
/** A service that never stops paging must not keep us for ever. */
const MAX_PAGES = 200;

/** Reads every page of a list and every item by the schema. Throws the signal's reason or a ProviderError; an item of another shape fails the list. */
export async function listFromArm<T>(
  clients: AzureClients,
  operation: string,
  first: Omit<ArmRequest, 'method'>,
  item: z.ZodType<T>,
  call: Call,
): Promise<readonly T[]> {
  const items: T[] = [];
  let next: ArmRequest | null = { ...first, method: 'GET' };
  for (let pages = 0; next !== null; pages += 1) {
    if (pages >= MAX_PAGES) throw unusable(operation, `more than ${MAX_PAGES} pages`);
    const answer: Answer<ArmAnswer> = await askArm(clients, next, call);
    if (!answer.ok) throw providerErrorOf(answer.failure, operation, 'read');
    const page = readAs(operation, pageSchema, answer.value.body);
    items.push(...readAs(operation, z.array(item), page.value));
    next = page.nextLink ? { method: 'GET', path: page.nextLink, query: {} } : null;
  }
  return items;
}

/** Throws a ProviderError (`unavailable`) for an answer of another shape. */
export function readAs<T>(operation: string, schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw unusable(operation, `the answer is not what Azure documents: ${z.prettifyError(parsed.error)}`);
}

function unusable(operation: string, message: string): ProviderError {
  return new ProviderError({ kind: 'unavailable', provider: 'azure', operation, code: '', message });
}
