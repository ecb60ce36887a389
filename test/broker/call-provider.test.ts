import { describe, expect, it } from 'vitest';
import { callProvider } from '../../src/broker/call-provider.ts';
import { createManualClock } from '../../src/emulators/world/clocks.ts';
import { ProviderError, type ProviderErrorKind } from '../../src/providers/provider.ts';

function failure(kind: ProviderErrorKind, retryAfterSeconds: number | null = null): ProviderError {
  return new ProviderError({ kind, provider: 'p', operation: 'o', code: 'c', message: 'm', retryAfterSeconds });
}

/** Calls a provider that fails with the given errors, then answers; returns the times at which it was called. */
async function callTimes(failures: readonly ProviderError[], repeats: number) {
  const clock = createManualClock(0);
  const times: number[] = [];
  const context = { clock, random: () => 0.5, signal: new AbortController().signal };
  const result = callProvider(context, { deadlineMs: 60_000, repeats }, async () => {
    times.push(clock.now());
    const error = failures[times.length - 1];
    if (error !== undefined) throw error;
    return 'answer';
  }).then(
    (value) => value,
    (error: unknown) => error,
  );
  for (let step = 0; step < 200; step += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(100);
  }
  return { times, result: await result };
}

describe('callProvider', () => {
  it('repeats what may be repeated, pausing twice as long each time', async () => {
    const { times, result } = await callTimes([failure('unavailable'), failure('rate-limited')], 3);
    expect(result).toBe('answer');
    expect(times).toHaveLength(3);
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(500);
    expect(third - second).toBeGreaterThanOrEqual(1000);
  });

  it('waits as long as the cloud asks', async () => {
    const { times } = await callTimes([failure('rate-limited', 7)], 1);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(7000);
  });

  it.each(['unauthorized', 'conflict', 'invalid-request'] as const)('never repeats %s', async (kind) => {
    const { times, result } = await callTimes([failure(kind)], 3);
    expect(times).toHaveLength(1);
    expect(result).toMatchObject({ kind });
  });

  it('gives up after the repeats allowed, with the last error', async () => {
    const { times, result } = await callTimes([failure('unavailable'), failure('rate-limited')], 1);
    expect(times).toHaveLength(2);
    expect(result).toMatchObject({ kind: 'rate-limited' });
  });

  it('ends at its deadline by the injected clock, the call under way included', async () => {
    const clock = createManualClock(0);
    const context = { clock, random: () => 0, signal: new AbortController().signal };
    let endedAt: number | null = null;
    const result = callProvider(
      context,
      { deadlineMs: 30_000, repeats: 3 },
      ({ signal }) =>
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    ).catch((error: unknown) => {
      endedAt = clock.now();
      return error;
    });
    await clock.advance(29_999);
    expect(endedAt).toBeNull();
    await clock.advance(1);
    expect(await result).toMatchObject({ name: 'TimeoutError' });
    expect(endedAt).toBe(30_000);
  });

  it('leaves nothing waiting once it has an answer', async () => {
    const clock = createManualClock(0);
    const context = { clock, random: () => 0, signal: new AbortController().signal };
    await callProvider(context, { deadlineMs: 30_000, repeats: 3 }, async () => 'answer');
    expect(clock.nextDueAt()).toBeNull();
  });

  it('does not repeat a bug', async () => {
    const clock = createManualClock(0);
    let calls = 0;
    const context = { clock, random: () => 0, signal: new AbortController().signal };
    const result = callProvider(context, { deadlineMs: 1000, repeats: 3 }, async () => {
      calls += 1;
      throw new Error('a bug');
    });
    await expect(result).rejects.toThrow('a bug');
    expect(calls).toBe(1);
  });
});
