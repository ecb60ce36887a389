import { describe, expect, it } from 'vitest';
import { allPages, answerOf, callAzure, mapConcurrently } from '../../../src/providers/azure/calls.ts';

function never(): Promise<never> {
  return new Promise(() => {});
}

describe('answerOf', () => {
  it('sends nothing once aborted', async () => {
    const reason = new Error('too late');
    let sent = 0;
    const call = { signal: AbortSignal.abort(reason) };
    await expect(
      answerOf(call, () => {
        sent += 1;
        return Promise.resolve(1);
      }),
    ).rejects.toBe(reason);
    expect(sent).toBe(0);
  });

  it('ends with the reason even when the SDK goes on', async () => {
    const abort = new AbortController();
    const reason = new Error('deadline');
    const waiting = answerOf({ signal: abort.signal }, never);
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  it('returns failures and throws them as provider errors on request', async () => {
    const call = { signal: new AbortController().signal };
    const send = () => Promise.reject(Object.assign(new Error('gone'), { code: 'X', statusCode: 410 }));
    expect(await answerOf(call, send)).toMatchObject({ ok: false, failure: { code: 'X', status: 410 } });
    await expect(callAzure('op', 'read', call, send)).rejects.toMatchObject({ kind: 'unavailable', unknownCode: true });
  });
});

describe('allPages', () => {
  async function* pages(): AsyncGenerator<readonly number[]> {
    yield [1, 2];
    yield [3];
  }

  it('joins them', async () => {
    expect(await allPages(pages(), { signal: new AbortController().signal })).toEqual([1, 2, 3]);
  });

  it('stops between pages', async () => {
    const reason = new Error('stop');
    await expect(allPages(pages(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('mapConcurrently', () => {
  it('keeps order and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapConcurrently([5, 1, 4, 2, 3], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
      running -= 1;
      return item * 10;
    });
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });
});
