/**
 * For clouds without an SDK. With one: `clients.ts` builds its clients with endpoint, certificate authority and credentials from the
 * settings, and with its retries off.
 */
import pRetry from 'p-retry';
import { z } from 'zod';
import { type Call, ProviderError } from '../../src/providers/provider.ts';
import { NoAnswerError, type Transport } from '../../src/providers/rest-transport.ts';
import { errorOfAnswer } from './errors.ts';

export interface ApiCall<T extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** The cloud's own name of the operation, for errors. */
  readonly operation: string;
  readonly body?: object;
  /** What is read of the answer: an answer that lacks it is not an answer. */
  readonly response: T;
}

export interface Api {
  /** GETs may be repeated once, at once, where the connection broke; the rest is sent once. Throws ProviderError, or the signal's reason. */
  send<T extends z.ZodType>(request: ApiCall<T>, call: Call): Promise<z.output<T>>;
}

export function createApi(transport: Transport, credential: string): Api {
  const headers = { authorization: `Bearer ${credential}`, 'user-agent': 'gpu-broker' };

  async function once<T extends z.ZodType>(request: ApiCall<T>, { signal }: Call): Promise<z.output<T>> {
    signal.throwIfAborted();
    const { method, path, operation, response } = request;
    const mutating = method !== 'GET';
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    const outgoing = { method, path, headers: { ...headers, 'content-type': 'application/json' }, body };
    const { status, text } = await transport.exchange(outgoing, signal).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw withoutAnswer(operation, mutating, cause);
    });
    if (status >= 300) throw errorOfAnswer({ status, text, operation, mutating });
    const parsed = response.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    const kind = mutating ? 'outcome-unknown' : 'unavailable';
    const message = `the answer cannot be read: ${z.prettifyError(parsed.error)}`;
    throw new ProviderError({ kind, provider: 'example', operation, code: '', message });
  }

  return {
    send(request, call) {
      if (request.method !== 'GET') return once(request, call);
      const isBroken = ({ error }: { readonly error: unknown }): boolean =>
        error instanceof ProviderError && error.cause instanceof NoAnswerError && error.cause.maySent;
      return pRetry(() => once(request, call), { retries: 1, minTimeout: 0, shouldRetry: isBroken });
    },
  };
}

/** Before the connection stood nothing can have happened; after that, a change may have. */
function withoutAnswer(operation: string, mutating: boolean, cause: unknown): ProviderError {
  const isOpen = mutating && !(cause instanceof NoAnswerError && !cause.maySent);
  const message = `no answer (${cause instanceof Error ? cause.message : 'unknown reason'})`;
  const kind = isOpen ? 'outcome-unknown' : 'unavailable';
  return new ProviderError({ kind, provider: 'example', operation, code: '', message, cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
