import { expect } from 'vitest';
import {
  type InstanceRef,
  type LaunchRequest,
  type LaunchResult,
  ProviderError,
} from '../../src/providers/provider.ts';
import type { Sentence, SentenceList } from './sentence.ts';
import {
  addFault,
  call,
  everythingLeft,
  keyOnlyRef,
  LONG_MS,
  launchRequest,
  livingMachines,
  OWNER,
  type Subject,
} from './subject.ts';

/** What a network does to an answer. */
const LOSSES = ['lost-reply', 'lost-request', 'reset'] as const;
/** One broken step breaks one call; the rest is repeating. */
const MOST_REPEATS = 5;

/** How many requests the work sends when all goes well. */
async function stepsOf(subject: Subject, work: () => Promise<unknown>): Promise<number> {
  const before = subject.clouds.requests().length;
  await work();
  return subject.clouds.requests().length - before;
}

/** Repeats as the broker does after an error whose kind allows it: with the same key, told that it may have been sent. */
async function launchUntilAnswered(subject: Subject, request: LaunchRequest): Promise<LaunchResult> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await subject.provider.launch({ ...request, resend: attempt > 0 }, call());
    } catch (error) {
      expect(error).toBeInstanceOf(ProviderError);
      expect(error).toMatchObject({ kind: expect.stringMatching(/^(unavailable|outcome-unknown)$/) });
      expect(attempt).toBeLessThan(MOST_REPEATS);
    }
  }
}

/** The keys of all that is listed, once every region has answered completely. */
async function keysListed(subject: Subject): Promise<ReadonlySet<string>> {
  for (let attempt = 0; attempt < MOST_REPEATS; attempt += 1) {
    const query = { owner: OWNER, regions: subject.facts.regions };
    const { instances, regions } = await subject.provider.listOwned(query, call());
    if (regions.every(({ complete }) => complete)) return new Set(instances.map(({ ref }) => ref.idempotencyKey));
  }
  throw new Error('no listing was complete');
}

async function endUntilGone(subject: Subject, ref: InstanceRef): Promise<void> {
  for (let attempt = 0; attempt < 4 * MOST_REPEATS; attempt += 1) {
    const answer = await subject.provider.terminate(ref, call()).catch((error: unknown) => {
      expect(error).toBeInstanceOf(ProviderError);
      return 'failed';
    });
    if (answer === 'gone') return;
    await subject.clock.advance(LONG_MS);
  }
  throw new Error('the machine would not end');
}

function eachStep(
  title: string,
  run: (subject: Subject, loss: (typeof LOSSES)[number], step: number, key: string) => Promise<void>,
  count: (subject: Subject) => Promise<number>,
): Sentence {
  return {
    title,
    async check(subject) {
      const steps = await count(subject);
      expect(steps).toBeGreaterThan(0);
      for (const loss of LOSSES) {
        for (let step = 0; step < steps; step += 1) {
          await run(subject, loss, step, `k${loss.replace('-', '')}${step}`);
          subject.clouds.control.removeFault(`fault-${loss}`);
        }
      }
    },
  };
}

export const stepSentences: SentenceList = [
  eachStep(
    'whichever answer of a launch is lost, the key starts exactly the machines asked for, each found and ended by it',
    async (subject, loss, step, idempotencyKey) => {
      const request = launchRequest(subject.aPool(), { idempotencyKey, count: 2 });
      addFault(subject, loss, { skip: step, remaining: 1 });
      const result = await launchUntilAnswered(subject, request);
      await subject.clock.advance(LONG_MS);
      const where = `${loss} at step ${step}`;
      expect(result.instances.map(({ ref }) => ref.index).toSorted(), where).toEqual([0, 1]);
      expect(livingMachines(subject), where).toHaveLength(2);
      expect(await keysListed(subject), where).toEqual(new Set([idempotencyKey]));
      for (const index of [0, 1]) await endUntilGone(subject, keyOnlyRef(request, index));
      expect(everythingLeft(subject), where).toEqual([]);
    },
    (subject) =>
      stepsOf(subject, async () => {
        const request = launchRequest(subject.aPool(), { idempotencyKey: 'counting', count: 2 });
        const { instances } = await subject.provider.launch(request, call());
        await subject.clock.advance(LONG_MS);
        for (const { ref } of instances) await endUntilGone(subject, ref);
      }),
  ),
  eachStep(
    'whichever answer of a terminate is lost, repeating it ends the machine and everything that belongs to it',
    async (subject, loss, step, idempotencyKey) => {
      const request = launchRequest(subject.aPool(), { idempotencyKey });
      const { instances } = await subject.provider.launch(request, call());
      await subject.clock.advance(LONG_MS);
      addFault(subject, loss, { skip: step, remaining: 1 });
      for (const { ref } of instances) await endUntilGone(subject, ref);
      await subject.clock.advance(LONG_MS);
      expect(everythingLeft(subject), `${loss} at step ${step}`).toEqual([]);
    },
    async (subject) => {
      const { instances } = await subject.provider.launch(
        launchRequest(subject.aPool(), { idempotencyKey: 'counting' }),
        call(),
      );
      await subject.clock.advance(LONG_MS);
      return stepsOf(subject, async () => {
        for (const { ref } of instances) await endUntilGone(subject, ref);
      });
    },
  ),
];
