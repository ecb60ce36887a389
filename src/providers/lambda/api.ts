/** Lambda's REST API as typed calls: signs, sends once, reads the envelope, translates errors. */
import pRetry from 'p-retry';
import { z } from 'zod';
import type { Clock } from '../../domain/time.ts';
import { type Call, ProviderError } from '../provider.ts';
import { NoAnswerError, type Transport } from '../rest-transport.ts';
import { errorOfAnswer } from './errors.ts';
import { PROVIDER_ID } from './names.ts';

export interface ApiCall<T extends z.ZodType> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The reference's `operationId`. */
  readonly operation: string;
  readonly body?: object;
  /** What is read of `data`: an answer that lacks it is not an answer. */
  readonly data: T;
}

export interface Api {
  /** GETs may be repeated once, at once, where the connection broke; POSTs are sent once. Throws ProviderError, or the signal's reason. */
  send<T extends z.ZodType>(request: ApiCall<T>, call: Call): Promise<z.output<T>>;
}

export function createApi(transport: Transport, credential: string, clock: Clock): Api {
  const headers = {
    authorization: `Bearer ${credential}`,
    accept: 'application/json',
    // The CDN refuses clients without a name.
    'user-agent': 'gpu-broker',
  };

  async function once<T extends z.ZodType>(request: ApiCall<T>, { signal }: Call): Promise<z.output<T>> {
    signal.throwIfAborted();
    const { method, path, operation, data } = request;
    const mutating = method === 'POST';
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    const outgoing = {
      ...{ method, path, body },
      headers: body === null ? headers : { ...headers, 'content-type': 'application/json' },
    };
    const answer = await transport.exchange(outgoing, signal).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw withoutAnswer(operation, mutating, cause);
    });
    const { status, text, retryAfter } = answer;
    if (status !== 200) throw errorOfAnswer({ status, text, retryAfter, operation, mutating, now: clock.now() });
    const envelope = z.object({ data: z.unknown() }).safeParse(parseJson(text));
    const parsed = data.safeParse(envelope.data?.data);
    if (parsed.success) return parsed.data;
    const kind = mutating ? 'outcome-unknown' : 'unavailable';
    const message = `the answer cannot be read: ${z.prettifyError(parsed.error)}`;
    throw new ProviderError({ kind, provider: PROVIDER_ID, operation, code: '', message });
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
  return new ProviderError({ kind, provider: PROVIDER_ID, operation, code: '', message, cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
