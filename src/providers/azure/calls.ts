import type { Call } from '../provider.ts';
import type { Effect, VendorFailure } from './errors.ts';
import { providerErrorOf, vendorFailureOf } from './errors.ts';

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: VendorFailure };

/** Sends one request. Throws only the signal's reason; whatever else goes wrong comes back in Azure's words. */
export async function answerOf<T>(call: Call, send: () => Promise<T>): Promise<Answer<T>> {
  const { signal } = call;
  signal.throwIfAborted();
  try {
    return { ok: true, value: await untilAborted(send(), signal) };
  } catch (thrown) {
    signal.throwIfAborted();
    return { ok: false, failure: vendorFailureOf(thrown) };
  }
}

/** Sends one request; throws the signal's reason or a ProviderError. */
export async function callAzure<T>(operation: string, effect: Effect, call: Call, send: () => Promise<T>): Promise<T> {
  const answer = await answerOf(call, send);
  if (answer.ok) return answer.value;
  throw providerErrorOf(answer.failure, operation, effect);
}

/** Reads every page. The SDK does not pass the signal on to the second page and later, so it is looked at between pages. */
export async function allPages<T>(pages: AsyncIterable<readonly T[]>, call: Call): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const page of pages) {
    call.signal.throwIfAborted();
    items.push(...page);
  }
  return items;
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  function abort(): void {
    aborted.reject(signal.reason);
  }
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Like `Promise.all(items.map(task))`, at most `limit` at a time: Azure throttles per subscription. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  async function work(): Promise<void> {
    for (const [index, item] of queue) results[index] = await task(item);
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}
