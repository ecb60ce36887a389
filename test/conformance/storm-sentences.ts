import { Socket } from 'node:net';
import { expect, vi } from 'vitest';
import type { FaultKind } from '../../src/emulators/world/control-contract.ts';
import { type LaunchResult, ProviderError, type RegionOutcome } from '../../src/providers/provider.ts';
import type { Sentence, SentenceList } from './sentence.ts';
import {
  addFault,
  call,
  everyPool,
  keyOnlyRef,
  LONG_MS,
  launchRequest,
  livingMachines,
  OWNER,
  type Subject,
} from './subject.ts';

/** What a real network and a busy cloud do, one kind after another. */
const STORM: readonly FaultKind[] = [
  ...(['throttle', 'lost-reply', 'unavailable', 'lost-request'] as const),
  ...(['html', 'internal-error', 'reset'] as const),
];

interface Listing {
  readonly regions: readonly RegionOutcome[];
  /** Region → what was read there, in an order of its own. */
  readonly contents: ReadonlyMap<string, readonly string[]>;
}

type ListingName = 'listOffers' | 'listQuotas' | 'listOwned';

async function read(subject: Subject, name: ListingName): Promise<Listing> {
  const query = { owner: OWNER, regions: subject.facts.regions };
  const items = new Map<string, string[]>(query.regions.map((region) => [region, []]));
  const put = (region: string | null, item: unknown): void => {
    if (region !== null) items.get(region)?.push(JSON.stringify(item));
  };
  let regions: readonly RegionOutcome[];
  if (name === 'listOffers') {
    const snapshot = await subject.provider.listOffers(query, call());
    regions = snapshot.regions;
    for (const offer of snapshot.offers) put(offer.pool.region, offer);
  } else if (name === 'listQuotas') {
    const snapshot = await subject.provider.listQuotas(query, call());
    regions = snapshot.regions;
    for (const quota of snapshot.quotas) put(quota.region, quota);
  } else {
    const snapshot = await subject.provider.listOwned(query, call());
    regions = snapshot.regions;
    for (const instance of snapshot.instances) put(instance.pool.region, instance);
  }
  const contents = new Map([...items].map(([region, texts]) => [region, texts.toSorted()]));
  return { regions, contents };
}

function expectHonest(listing: Listing, truth: Listing, what: string): void {
  expect(listing.regions.map(({ region }) => region).toSorted(), what).toEqual([...truth.contents.keys()].toSorted());
  for (const { region, complete, error } of listing.regions) {
    if (complete) expect(listing.contents.get(region), what).toEqual(truth.contents.get(region));
    else expect(error, what).toBeInstanceOf(ProviderError);
  }
}

/** Whichever request fails, a region is called complete only with everything in it. */
function honestListing(name: ListingName): Sentence {
  return {
    title: `${name} calls a region complete only with everything in it, whichever request fails`,
    async check(subject) {
      for (const region of subject.facts.regions) {
        const request = launchRequest(subject.aPool(region), { idempotencyKey: `k${region.replaceAll('-', '')}` });
        await subject.provider.launch({ ...request, count: 3 }, call());
      }
      const before = subject.clouds.requests().length;
      const truth = await read(subject, name);
      for (const { complete } of truth.regions) expect(complete).toBe(true);

      const requests = subject.clouds.requests().slice(before);
      for (const operation of new Set(requests.map((request) => request.operation))) {
        addFault(subject, 'throttle', { operation });
        const listing = await read(subject, name);
        expectHonest(listing, truth, operation);
        expect(
          listing.regions.some(({ complete }) => !complete),
          operation,
        ).toBe(true);
        subject.clouds.control.removeFault('fault-throttle');
      }
      for (let round = 0; round < 10; round += 1) {
        const kind = STORM[round % STORM.length] ?? 'throttle';
        addFault(subject, kind, { probability: 0.25 });
        expectHonest(await read(subject, name), truth, `${kind}, round ${round}`);
        subject.clouds.control.removeFault(`fault-${kind}`);
      }
    },
  };
}

/** Sends the same launch until it is answered; the storm ends after a while. */
async function launchThroughStorm(subject: Subject, kind: FaultKind, idempotencyKey: string): Promise<LaunchResult> {
  const request = launchRequest(subject.aPool(), { idempotencyKey, count: 3 });
  addFault(subject, kind, { probability: 0.5 });
  for (let attempt = 0; ; attempt += 1) {
    if (attempt === 6) subject.clouds.control.removeFault(`fault-${kind}`);
    try {
      return await subject.provider.launch(request, call());
    } catch (error) {
      expect(error).toBeInstanceOf(ProviderError);
      expect(error).toMatchObject({ kind: expect.stringMatching(/^(rate-limited|unavailable|outcome-unknown)$/) });
      expect(attempt).toBeLessThan(6);
    } finally {
      if (attempt >= 6) subject.clouds.control.removeFault(`fault-${kind}`);
    }
  }
}

/** `host:port` of what a socket connects to; Node hands its own callers' options over in an array. */
function peerOf(target: unknown): string {
  const options: unknown = Array.isArray(target) ? target[0] : target;
  if (typeof options !== 'object' || options === null) return String(options);
  const { host, port }: { host?: unknown; port?: unknown } = options;
  return `${String(host)}:${String(port)}`;
}

export const stormSentences: SentenceList = [
  honestListing('listOffers'),
  honestListing('listQuotas'),
  honestListing('listOwned'),
  {
    title: 'a launch repeated with its key through any storm starts exactly the machines asked for',
    async check(subject) {
      let expected = 0;
      subject.clouds.control.setFree(everyPool(subject.facts.cloud), 2 * STORM.length * 3);
      for (const [index, kind] of [...STORM, ...STORM].entries()) {
        const result = await launchThroughStorm(subject, kind, `storm${index}`);
        subject.clouds.control.removeFault(`fault-${kind}`);
        expected += 3;
        expect(result.instances.map(({ ref }) => ref.index).toSorted(), kind).toEqual([0, 1, 2]);
        expect(new Set(result.instances.map(({ ref }) => ref.instanceId)).size, kind).toBe(3);
        expect(livingMachines(subject), kind).toHaveLength(expected);
      }
    },
  },
  {
    title: 'a terminate repeated through any storm ends the machine, and says gone only then',
    async check(subject) {
      for (const [index, kind] of [...STORM, ...STORM].entries()) {
        const request = launchRequest(subject.aPool(), { idempotencyKey: `storm${index}` });
        await subject.provider.launch(request, call());
        await subject.clock.advance(LONG_MS);
        addFault(subject, kind, { probability: 0.5 });
        let answer = '';
        for (let attempt = 0; answer !== 'gone'; attempt += 1) {
          expect(attempt, kind).toBeLessThan(20);
          answer = await subject.provider.terminate(keyOnlyRef(request), call()).catch((error: unknown) => {
            expect(error).toBeInstanceOf(ProviderError);
            return 'failed';
          });
          if (answer === 'gone') expect(livingMachines(subject), kind).toEqual([]);
          await subject.clock.advance(LONG_MS);
        }
        subject.clouds.control.removeFault(`fault-${kind}`);
        expect(livingMachines(subject), kind).toEqual([]);
      }
    },
  },
  {
    title: 'a launch aborted on its way is found by its key once it has arrived, and is not repeated by the same key',
    async check(subject) {
      const request = launchRequest(subject.aPool());
      addFault(subject, 'slow', { operation: subject.facts.launchOperation, remaining: 1 });
      const controller = new AbortController();
      const outcome = subject.provider.launch(request, { signal: controller.signal }).catch(() => 'aborted');
      await expect.poll(() => subject.clock.nextDueAt(), { timeout: 10_000, interval: 5 }).not.toBeNull();
      controller.abort(new Error('deadline'));
      expect(await outcome).toBe('aborted');
      expect(livingMachines(subject)).toEqual([]);

      await subject.clock.advance(2 * 3_600_000);
      await expect.poll(() => livingMachines(subject).length, { timeout: 10_000, interval: 5 }).toBe(1);
      expect(await subject.provider.getInstance(keyOnlyRef(request), call())).toMatchObject({ owner: OWNER });
      expect((await subject.provider.launch(request, call())).instances).toHaveLength(1);
      expect(livingMachines(subject)).toHaveLength(1);
    },
  },
  {
    title: 'talks to nobody but the endpoints it was given',
    async check(subject) {
      const connecting = vi.spyOn(Socket.prototype, 'connect');
      try {
        const another = await subject.createAnother();
        const { regions } = subject.facts;
        await another.listOffers({ regions }, call());
        await another.listQuotas({ regions }, call());
        const { instances } = await another.launch(launchRequest(subject.aPool()), call());
        for (const { ref } of instances) {
          await another.getInstance(ref, call());
          await another.terminate(ref, call());
        }
        await another.listOwned({ owner: OWNER, regions }, call());
        const endpoints = Object.values(subject.clouds.endpoints[subject.facts.cloud]).map((url) => new URL(url).host);
        const peers = connecting.mock.calls.map(([first]) => peerOf(first));
        expect(peers.length).toBeGreaterThan(0);
        expect(peers.filter((peer) => !endpoints.includes(peer))).toEqual([]);
      } finally {
        connecting.mockRestore();
      }
    },
  },
  {
    title: 'close releases the sockets',
    async check(subject) {
      const sockets = (): number => process.getActiveResourcesInfo().filter((name) => /^(TCP|TLS)/.test(name)).length;
      const before = sockets();
      const another = await subject.createAnother();
      await another.listOwned({ owner: OWNER, regions: subject.facts.regions }, call());
      expect(sockets()).toBeGreaterThan(before);
      await another.close();
      await expect.poll(sockets, { timeout: 10_000, interval: 10 }).toBeLessThanOrEqual(before);
    },
  },
];
