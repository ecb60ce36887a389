import { expect } from 'vitest';
import type { Pool } from '../../src/domain/pool.ts';
import { type Instance, type LaunchRequest, type LaunchResult, ProviderError } from '../../src/providers/provider.ts';
import type { SentenceList } from './sentence.ts';
import {
  addFault,
  call,
  LAUNCH_LATENCY_MS,
  LONG_MS,
  launchRequest,
  livingMachines,
  OWNER,
  patternOf,
  type Subject,
  worldPoolOf,
} from './subject.ts';

const USER_DATA = '#cloud-config\nruncmd:\n  - [echo, "grüße & <tags> 100 %"]\n';

function onlyInstance(result: LaunchResult): Instance {
  const [instance, ...others] = result.instances;
  expect(others).toEqual([]);
  expect(result.refusals).toEqual([]);
  if (instance === undefined) throw new Error('nothing was started');
  return instance;
}

function idsOf(result: LaunchResult): readonly (string | null)[] {
  return result.instances.map(({ ref }) => ref.instanceId).toSorted();
}

function countOf(result: LaunchResult): number {
  return result.refusals.reduce((sum, { count }) => sum + count, result.instances.length);
}

/** The same key is sent again with something changed. */
function conflictAbout(what: string, change: (request: LaunchRequest, subject: Subject) => LaunchRequest) {
  return {
    title: `the same key with another ${what} is a conflict, and starts nothing`,
    async check(subject: Subject): Promise<void> {
      const request = launchRequest(subject.aPool(), { userData: USER_DATA });
      await subject.provider.launch(request, call());
      await expect(subject.provider.launch(change(request, subject), call())).rejects.toMatchObject({
        name: 'ProviderError',
        kind: 'conflict',
      });
      expect(livingMachines(subject)).toHaveLength(1);
    },
  };
}

/** Five are asked for, two are to be had. */
function accountsFor(where: string, limit: (subject: Subject, pool: Pool) => void) {
  return {
    title: `instances and refusals account for every machine asked for, ${where}`,
    async check(subject: Subject): Promise<void> {
      const pool = subject.aPool();
      limit(subject, pool);
      const result = await subject.provider.launch(launchRequest(pool, { count: 5 }), call());
      expect(countOf(result)).toBe(5);
      await subject.clock.advance(LONG_MS);
      const found = await Promise.all(result.instances.map(({ ref }) => subject.provider.getInstance(ref, call())));
      const running = found.filter((instance) => instance?.state === 'running');
      expect(running.length).toBe(livingMachines(subject).length);
      for (const instance of found) expect(instance?.refusal?.kind ?? instance?.state).toMatch(/^(capacity|running)$/);
    },
  };
}

export const launchSentences: SentenceList = [
  {
    title: 'starts a machine that comes up running, with its owner, tags, pool and times',
    async check(subject) {
      const pool = subject.aPool();
      const request = launchRequest(pool);
      const startedAt = subject.clock.now();
      const instance = onlyInstance(await subject.provider.launch(request, call()));
      expect(instance).toMatchObject({ state: 'pending', refusal: null, failure: null, owner: OWNER, pool });
      const { region, zone } = pool;
      expect(instance.ref).toMatchObject({ region, zone, idempotencyKey: request.idempotencyKey, index: 0 });
      expect(instance.ref.instanceId).toBeTruthy();

      await subject.clock.advance(LAUNCH_LATENCY_MS);
      const running = await subject.provider.getInstance(instance.ref, call());
      expect(running).toMatchObject({ ref: instance.ref, pool, state: 'running', owner: OWNER, tags: request.tags });
      expect(Math.abs((running?.launchedAt ?? 0) - startedAt)).toBeLessThanOrEqual(1000);
      expect(livingMachines(subject).map((machine) => machine.pool)).toEqual([worldPoolOf(subject.facts.cloud, pool)]);
    },
  },
  {
    title: 'owner, attempt and tags are written on the machine at the cloud',
    async check(subject) {
      const request = launchRequest(subject.aPool());
      await subject.provider.launch(request, call());
      const [machine] = livingMachines(subject);
      const values = Object.values(machine?.tags ?? {});
      expect(machine?.tags).toMatchObject(request.tags);
      expect(values).toContain(OWNER);
      expect(values).toContain(request.idempotencyKey);
    },
  },
  {
    title: 'starts as many machines as asked, each with an index of its own',
    async check(subject) {
      const result = await subject.provider.launch(launchRequest(subject.aPool(), { count: 3 }), call());
      expect(result.refusals).toEqual([]);
      expect(result.instances.map(({ ref }) => ref.index).toSorted()).toEqual([0, 1, 2]);
      expect(new Set(idsOf(result)).size).toBe(3);
      await subject.clock.advance(LAUNCH_LATENCY_MS);
      for (const { ref } of result.instances) {
        expect(await subject.provider.getInstance(ref, call())).toMatchObject({ ref, state: 'running' });
      }
      expect(livingMachines(subject)).toHaveLength(3);
    },
  },
  {
    title: 'the same key with the same request starts the machines once',
    async check(subject) {
      const request = launchRequest(subject.aPool(), { count: 2, userData: USER_DATA });
      const first = await subject.provider.launch(request, call());
      const second = await subject.provider.launch(request, call());
      await subject.clock.advance(LONG_MS);
      const third = await subject.provider.launch(request, call());
      expect(idsOf(second)).toEqual(idsOf(first));
      expect(idsOf(third)).toEqual(idsOf(first));
      expect(livingMachines(subject)).toHaveLength(2);
    },
  },
  {
    title: 'the same key sent a hundred times at once starts one machine',
    async check(subject) {
      const request = launchRequest(subject.aPool());
      const results = await Promise.all(Array.from({ length: 100 }, () => subject.provider.launch(request, call())));
      expect(new Set(results.map((result) => onlyInstance(result).ref.instanceId)).size).toBe(1);
      expect(livingMachines(subject)).toHaveLength(1);
    },
  },
  {
    title: 'the same key from a fresh adapter starts no second machine',
    async check(subject) {
      const request = launchRequest(subject.aPool(), { userData: USER_DATA });
      const first = onlyInstance(await subject.provider.launch(request, call()));
      const another = await subject.createAnother();
      expect(onlyInstance(await another.launch(request, call())).ref).toEqual(first.ref);
      expect(livingMachines(subject)).toHaveLength(1);
    },
  },
  {
    title: 'a key whose machine has ended starts no other',
    async check(subject) {
      const request = launchRequest(subject.aPool());
      const { ref } = onlyInstance(await subject.provider.launch(request, call()));
      await subject.clock.advance(LONG_MS);
      await subject.provider.terminate(ref, call());
      await subject.clock.advance(LONG_MS);
      for (const hours of [0, 2, 17]) {
        await subject.clock.advance(hours * 3_600_000);
        const another = await subject.createAnother();
        const again = await another.launch({ ...request, resend: true }, call());
        expect(
          again.instances.map(({ state }) => state),
          `${hours} h later`,
        ).toEqual(['gone']);
        expect(livingMachines(subject)).toEqual([]);
      }
    },
  },
  {
    title: 'a key sent again after a lost request, as one that may have been sent, starts its machine',
    async check(subject) {
      const request = launchRequest(subject.aPool());
      addFault(subject, 'lost-request', { operation: subject.facts.launchOperation, remaining: 1 });
      await expect(subject.provider.launch(request, call())).rejects.toBeInstanceOf(ProviderError);
      onlyInstance(await subject.provider.launch({ ...request, resend: true }, call()));
      onlyInstance(await subject.provider.launch({ ...request, resend: true }, call()));
      expect(livingMachines(subject)).toHaveLength(1);
    },
  },
  conflictAbout('instance type', (request, { facts }) => ({
    ...request,
    pool: { ...request.pool, instanceType: facts.otherInstanceType },
  })),
  conflictAbout('zone', (request, { clouds, facts }) => {
    const { region, instanceType, zone } = request.pool;
    const zones = clouds.world.zonesOffering(facts.cloud, region, instanceType);
    return { ...request, pool: { ...request.pool, zone: zones.find((name) => name !== zone) ?? zone } };
  }),
  conflictAbout('market', (request) => ({ ...request, pool: { ...request.pool, market: 'spot' } })),
  conflictAbout('user data', (request) => ({ ...request, userData: `${USER_DATA}\n# changed` })),
  conflictAbout('count', (request) => ({ ...request, count: 2 })),
  conflictAbout('owner', (request) => ({ ...request, owner: 'somebody-else' })),
  {
    title: 'another key starts another machine',
    async check(subject) {
      const pool = subject.aPool();
      const first = await subject.provider.launch(launchRequest(pool, { idempotencyKey: '01k8first' }), call());
      const second = await subject.provider.launch(launchRequest(pool, { idempotencyKey: '01k8second' }), call());
      expect(onlyInstance(first).ref.instanceId).not.toBe(onlyInstance(second).ref.instanceId);
      expect(livingMachines(subject)).toHaveLength(2);
    },
  },
  {
    title: 'a key of any allowed length works',
    async check(subject) {
      for (const idempotencyKey of ['a', '7'.repeat(40)]) {
        const request = launchRequest(subject.aPool(), { idempotencyKey });
        const { ref } = onlyInstance(await subject.provider.launch(request, call()));
        expect(await subject.provider.getInstance({ ...ref, instanceId: null }, call())).toMatchObject({ ref });
      }
    },
  },
  {
    title: 'user data arrives at the machine unchanged',
    async check(subject) {
      await subject.provider.launch(launchRequest(subject.aPool(), { userData: USER_DATA }), call());
      const stored = JSON.stringify(livingMachines(subject)[0]?.details);
      const asText = JSON.stringify(USER_DATA).slice(1, -1);
      const asBase64 = Buffer.from(USER_DATA).toString('base64');
      expect(stored.includes(asText) || stored.includes(asBase64), stored).toBe(true);
    },
  },
  {
    title: 'a spot launch is spot at the cloud',
    async check(subject) {
      const pool = subject.aSpotPool();
      const instance = onlyInstance(await subject.provider.launch(launchRequest(pool), call()));
      expect(instance.pool).toEqual(pool);
      await subject.clock.advance(LAUNCH_LATENCY_MS);
      expect(await subject.provider.getInstance(instance.ref, call())).toMatchObject({ state: 'running', pool });
      expect(livingMachines(subject).map((machine) => machine.pool.market)).toEqual(['spot']);
    },
  },
  accountsFor('where only some fit', (subject, pool) => {
    subject.clouds.control.setFree(patternOf(subject.facts.cloud, pool), 2);
  }),
  accountsFor('where a quota lets only some in', (subject, pool) => {
    const { control, world } = subject.clouds;
    const { cloud } = subject.facts;
    for (const claim of world.instanceType(cloud, pool.instanceType)?.quotaClaims['on-demand'] ?? []) {
      const region = claim.scope === 'global' ? null : pool.region;
      control.setQuotaLimit(cloud, region, claim.quota, 2 * claim.units);
    }
  }),
  {
    title: 'tags of any allowed length are written and read back',
    async check(subject) {
      const tags = { ['k'.repeat(63)]: 'v'.repeat(63), 'with-dash-9': '9-lives' };
      const request = launchRequest(subject.aPool(), { tags, owner: 'o'.repeat(40) });
      const { ref } = onlyInstance(await subject.provider.launch(request, call()));
      expect(await subject.provider.getInstance(ref, call())).toMatchObject({ tags, owner: request.owner });
      expect(livingMachines(subject)[0]?.tags).toMatchObject(tags);
    },
  },
  {
    title: 'machines are started by the cloud’s official SDK',
    async check(subject) {
      await subject.provider.launch(launchRequest(subject.aPool()), call());
      const launches = subject.clouds.requests().filter(({ mutating }) => mutating);
      expect(launches.length).toBeGreaterThan(0);
      for (const { userAgent } of launches) expect(userAgent).toMatch(subject.facts.sdkUserAgent);
    },
  },
];
