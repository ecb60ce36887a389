import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import { sharedRead } from '../../../src/providers/gcp/shared-read.ts';

function subject(answers: readonly (string | Error)[], maxAgeMs = 1_000) {
  const clock = createManualClock(5_000);
  const closing = new AbortController();
  let count = 0;
  const read = sharedRead({ clock, maxAgeMs, closing: closing.signal }, async () => {
    const answer = answers[count];
    count += 1;
    await Promise.resolve();
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('asked too often');
    return answer;
  });
  return { clock, read, count: () => count };
}

const PATIENT = { signal: new AbortController().signal };

describe('a shared read', () => {
  it('serves who asks meanwhile and soon after, with its true age', async () => {
    const { clock, read, count } = subject(['one', 'two']);
    expect(await Promise.all([read(PATIENT), read(PATIENT)])).toEqual([
      { value: 'one', observedAt: 5_000 },
      { value: 'one', observedAt: 5_000 },
    ]);
    await clock.advance(999);
    expect(await read(PATIENT)).toEqual({ value: 'one', observedAt: 5_000 });
    await clock.advance(1);
    expect(await read(PATIENT)).toEqual({ value: 'two', observedAt: 6_000 });
    expect(count()).toBe(2);
  });

  it('keeps no failure', async () => {
    const { read } = subject([new Error('no'), 'yes']);
    await expect(read(PATIENT)).rejects.toThrow('no');
    expect(await read(PATIENT)).toMatchObject({ value: 'yes' });
  });

  it('goes on for the others when one gives up', async () => {
    const { read, count } = subject(['one']);
    const hasty = new AbortController();
    const given = read({ signal: hasty.signal });
    const waiting = read(PATIENT);
    hasty.abort(new Error('too slow'));
    await expect(given).rejects.toThrow('too slow');
    expect(await waiting).toMatchObject({ value: 'one' });
    await expect(read({ signal: hasty.signal })).rejects.toThrow('too slow');
    expect(count()).toBe(1);
  });

  it('is asked each time where nothing may age', async () => {
    const { read, count } = subject(['one', 'two'], 0);
    await read(PATIENT);
    await read(PATIENT);
    expect(count()).toBe(2);
  });
});
