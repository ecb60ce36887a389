/**
 * For clouds without an SDK. With one: `clients.ts` builds its clients with endpoint, certificate authority and credentials from the
 * settings, and with its retries off.
 */
import { z } from 'zod';
import type { Call } from '../../src/providers/provider.ts';
import { ProviderError } from '../../src/providers/provider.ts';
import { errorOfAnswer } from './errors.ts';

export interface ApiCall<T extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** The cloud's own name of the operation, for errors. */
  readonly operation: string;
  readonly mutating: boolean;
  readonly body?: object;
  /** What is read of the answer: an answer that lacks it is not an answer. */
  readonly response: T;
}

export interface Api {
  /** Sends one request, once. Throws ProviderError, or the signal's reason. */
  send<T extends z.ZodType>(request: ApiCall<T>, call: Call): Promise<z.output<T>>;
}

export function createApi(baseUrl: string, credential: string): Api {
  return {
    async send({ method, path, operation, mutating, body, response }, call) {
      call.signal.throwIfAborted();
      let status: number;
      let text: string;
      try {
        const answer = await fetch(new URL(path, baseUrl), {
          method,
          signal: call.signal,
          headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        status = answer.status;
        // Reading the body can fail as well: a connection cut in the middle leaves a mutation's outcome open.
        text = await answer.text();
      } catch (cause) {
        call.signal.throwIfAborted();
        const kind = mutating ? 'outcome-unknown' : 'unavailable';
        throw new ProviderError({ kind, provider: 'example', operation, code: '', message: 'no answer', cause });
      }
      if (status >= 400) throw errorOfAnswer({ status, text, operation, mutating });
      const parsed = response.safeParse(parseJson(text));
      if (parsed.success) return parsed.data;
      const kind = mutating ? 'outcome-unknown' : 'unavailable';
      const message = `the answer cannot be read: ${z.prettifyError(parsed.error)}`;
      throw new ProviderError({ kind, provider: 'example', operation, code: '', message });
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
