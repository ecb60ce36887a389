import { inspect } from 'node:util';
import { expect } from 'vitest';
import { ProviderError, type ProviderErrorKind } from '../../src/providers/provider.ts';
import type { Sentence, SentenceList } from './sentence.ts';
import {
  addFault,
  call,
  keyOnlyRef,
  LAUNCH_LATENCY_MS,
  launchRequest,
  livingMachines,
  OWNER,
  type Subject,
} from './subject.ts';

const SECRET_USER_DATA = '#cloud-config\n# token: s3cr3t-in-user-data\n';

/** Fails unless the promise rejects with a ProviderError of one of these kinds. */
async function providerErrorOf(promise: Promise<unknown>, kinds: readonly ProviderErrorKind[]): Promise<ProviderError> {
  const error = await promise.then(
    (value) => {
      throw new Error(`it should have failed with ${kinds.join(' or ')}, but gave ${inspect(value, { depth: 4 })}`);
    },
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProviderError)) throw new Error('not a ProviderError', { cause: error });
  expect(kinds, inspect(error, { depth: 4 })).toContain(error.kind);
  return error;
}

function launchRequestsSent(subject: Subject): number {
  return subject.clouds.requests().filter(({ mutating }) => mutating).length;
}

/** Everything an error can be printed as. */
function printed(error: unknown): string {
  const texts = [inspect(error, { depth: 12, showHidden: true }), JSON.stringify(error) ?? ''];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    texts.push(cause.message, cause.stack ?? '', JSON.stringify(cause) ?? '', JSON.stringify({ ...cause }));
  }
  return texts.join('\n');
}

/** A launch that meets the fault is one request and one error; the same key afterwards gives the one machine. */
function launchMeets(
  fault: Parameters<typeof addFault>[1],
  kinds: readonly ProviderErrorKind[],
  machinesAfterwards: 0 | 1,
): Sentence {
  return {
    title: `a launch that meets "${fault}" is sent once and says ${kinds.join(' or ')}; the same key then starts the one machine`,
    async check(subject) {
      const request = launchRequest(subject.aPool());
      addFault(subject, fault, { operation: subject.facts.launchOperation, remaining: 1 });
      const error = await providerErrorOf(subject.provider.launch(request, call()), kinds);
      expect(error.provider).toBe(subject.facts.cloud);
      expect(error.operation).toMatch(/\S/);
      expect(launchRequestsSent(subject)).toBe(1);
      expect(livingMachines(subject)).toHaveLength(machinesAfterwards);

      const again = await subject.provider.launch(request, call());
      expect(again.instances).toHaveLength(1);
      expect(livingMachines(subject)).toHaveLength(1);
    },
  };
}

/** A slow cloud: the answer would come in an hour of a clock that stands still. */
function stopsWhenAborted(what: string, send: (subject: Subject, signal: AbortSignal) => Promise<unknown>): Sentence {
  return {
    title: `${what} ends soon after its signal aborts, with the signal’s reason`,
    async check(subject) {
      addFault(subject, 'slow', {});
      const controller = new AbortController();
      const reason = new Error('the caller has changed its mind');
      const outcome = send(subject, controller.signal).then(
        () => 'answered',
        (error: unknown) => error,
      );
      await requestArrived(subject);
      const abortedAt = performance.now();
      controller.abort(reason);
      expect(await outcome).toBe(reason);
      expect(performance.now() - abortedAt).toBeLessThan(5_000);
    },
  };
}

/** Until the emulated cloud holds a request back. The clock stands still, so a sleeper is a request that waits. */
async function requestArrived(subject: Subject): Promise<void> {
  await expect.poll(() => subject.clock.nextDueAt(), { timeout: 10_000, interval: 5 }).not.toBeNull();
}

export const errorSentences: SentenceList = [
  launchMeets('throttle', ['rate-limited'], 0),
  launchMeets('unavailable', ['unavailable', 'outcome-unknown'], 0),
  launchMeets('unauthorized', ['unauthorized'], 0),
  launchMeets('lost-reply', ['outcome-unknown'], 1),
  launchMeets('lost-request', ['outcome-unknown', 'unavailable'], 0),
  launchMeets('html', ['outcome-unknown', 'unavailable'], 0),
  launchMeets('internal-error', ['outcome-unknown', 'unavailable'], 0),
  launchMeets('reset', ['outcome-unknown'], 1),
  {
    title: 'a machine whose launch was never answered is found by its key alone',
    async check(subject) {
      const request = launchRequest(subject.aPool());
      addFault(subject, 'lost-reply', { operation: subject.facts.launchOperation, remaining: 1 });
      await providerErrorOf(subject.provider.launch(request, call()), ['outcome-unknown']);
      await subject.clock.advance(LAUNCH_LATENCY_MS);
      const another = await subject.createAnother();
      const found = await another.getInstance(keyOnlyRef(request), call());
      expect(found).toMatchObject({ state: 'running', owner: OWNER, ref: { idempotencyKey: request.idempotencyKey } });
      expect(found?.ref.instanceId).toBeTruthy();
    },
  },
  {
    title: 'the vendor’s code and message are kept verbatim',
    async check(subject) {
      addFault(subject, 'throttle', { operation: subject.facts.launchOperation });
      const error = await providerErrorOf(subject.provider.launch(launchRequest(subject.aPool()), call()), [
        'rate-limited',
      ]);
      expect(error.code).toMatch(/\S/);
      expect(error.message).toContain(subject.facts.cloud);
      expect(error.unknownCode).toBe(false);
    },
  },
  {
    title: 'a read that meets "unauthorized", "html" or "unavailable" says so',
    async check(subject) {
      const ref = keyOnlyRef(launchRequest(subject.aPool()));
      for (const [fault, kind] of [
        ['unauthorized', 'unauthorized'],
        ['html', 'unavailable'],
        ['unavailable', 'unavailable'],
      ] as const) {
        addFault(subject, fault, {});
        await providerErrorOf(subject.provider.getInstance(ref, call()), [kind]);
        subject.clouds.control.removeFault(`fault-${fault}`);
      }
    },
  },
  {
    title: 'a throttled terminate says rate-limited and is sent once',
    async check(subject) {
      const { instances } = await subject.provider.launch(launchRequest(subject.aPool()), call());
      await subject.clock.advance(LAUNCH_LATENCY_MS);
      const sentBefore = launchRequestsSent(subject);
      addFault(subject, 'throttle', {});
      for (const { ref } of instances) await providerErrorOf(subject.provider.terminate(ref, call()), ['rate-limited']);
      expect(launchRequestsSent(subject) - sentBefore).toBeLessThanOrEqual(1);
      expect(livingMachines(subject)).toHaveLength(1);
    },
  },
  {
    title: 'with nothing listening, every call fails quickly as unavailable',
    async check(subject) {
      const request = launchRequest(subject.aPool());
      const ref = keyOnlyRef(request);
      await subject.clouds.close();
      const startedAt = performance.now();
      await providerErrorOf(subject.provider.launch(request, call()), ['unavailable']);
      await providerErrorOf(subject.provider.getInstance(ref, call()), ['unavailable']);
      await providerErrorOf(subject.provider.terminate(ref, call()), ['unavailable']);
      const { regions } = subject.facts;
      const listings = await Promise.all([
        subject.provider.listOffers({ regions }, call()),
        subject.provider.listQuotas({ regions }, call()),
        subject.provider.listOwned({ owner: OWNER, regions }, call()),
      ]);
      for (const outcome of listings.flatMap((listing) => listing.regions)) {
        expect(outcome).toMatchObject({ complete: false, error: { kind: 'unavailable' } });
      }
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    },
  },
  stopsWhenAborted('launch', (subject, signal) => subject.provider.launch(launchRequest(subject.aPool()), { signal })),
  stopsWhenAborted('getInstance', (subject, signal) =>
    subject.provider.getInstance(keyOnlyRef(launchRequest(subject.aPool())), { signal }),
  ),
  stopsWhenAborted('terminate', (subject, signal) =>
    subject.provider.terminate(keyOnlyRef(launchRequest(subject.aPool())), { signal }),
  ),
  stopsWhenAborted('listOffers', (subject, signal) =>
    subject.provider.listOffers({ regions: subject.facts.regions }, { signal }),
  ),
  stopsWhenAborted('listQuotas', (subject, signal) =>
    subject.provider.listQuotas({ regions: subject.facts.regions }, { signal }),
  ),
  stopsWhenAborted('listOwned', (subject, signal) =>
    subject.provider.listOwned({ owner: OWNER, regions: subject.facts.regions }, { signal }),
  ),
  {
    title: 'a call whose signal has aborted already changes nothing',
    async check(subject) {
      const reason = new Error('too late');
      const aborted = { signal: AbortSignal.abort(reason) };
      const request = launchRequest(subject.aPool());
      await expect(subject.provider.launch(request, aborted)).rejects.toBe(reason);
      await expect(subject.provider.terminate(keyOnlyRef(request), aborted)).rejects.toBe(reason);
      expect(subject.clouds.requests().filter(({ mutating }) => mutating)).toEqual([]);
    },
  },
  {
    title: 'errors are cheap: twenty of them do not keep the process busy',
    async check(subject) {
      const request = launchRequest(subject.aPool());
      await subject.provider.getInstance(keyOnlyRef(request), call());
      addFault(subject, 'throttle', {});
      const before = process.cpuUsage();
      for (let round = 0; round < 10; round += 1) {
        await providerErrorOf(subject.provider.getInstance(keyOnlyRef(request), call()), ['rate-limited']);
        await providerErrorOf(subject.provider.launch(request, call()), ['rate-limited']);
      }
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1e6).toBeLessThan(2);
    },
  },
  {
    title: 'no secret appears in an error',
    async check(subject) {
      const request = launchRequest(subject.aPool(), { userData: SECRET_USER_DATA });
      const forbidden = ['s3cr3t-in-user-data', Buffer.from(SECRET_USER_DATA).toString('base64')];
      for (const fault of ['throttle', 'unavailable', 'unauthorized', 'lost-request', 'html'] as const) {
        addFault(subject, fault, {});
        const errors = [
          await subject.provider.launch(request, call()).catch((error: unknown) => error),
          await subject.provider.getInstance(keyOnlyRef(request), call()).catch((error: unknown) => error),
        ];
        subject.clouds.control.removeFault(`fault-${fault}`);
        for (const error of errors) {
          expect(error).toBeInstanceOf(ProviderError);
          for (const secret of forbidden) expect(printed(error).includes(secret), `${fault}: ${secret}`).toBe(false);
          expect(printed(error)).not.toMatch(/Bearer [\w.-]|Signature=[0-9a-f]/);
        }
      }
    },
  },
];
