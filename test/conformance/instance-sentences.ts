import { expect } from 'vitest';
import type { Instance, InstanceRef, Provider } from '../../src/providers/provider.ts';
import type { SentenceList } from './sentence.ts';
import {
  addFault,
  call,
  endMachine,
  keyOnlyRef,
  LAUNCH_LATENCY_MS,
  LONG_MS,
  launchRequest,
  livingMachines,
  OWNER,
  patternOf,
  type Subject,
} from './subject.ts';

/** A running machine. */
async function running(subject: Subject, changes: Parameters<typeof launchRequest>[1] = {}): Promise<Instance> {
  const { instances } = await subject.provider.launch(launchRequest(subject.aPool(), changes), call());
  const [instance] = instances;
  if (instance === undefined) throw new Error('nothing was started');
  await subject.clock.advance(LAUNCH_LATENCY_MS);
  return instance;
}

/** Whether the cloud says, by both questions that can be asked, that the machine is no more. */
async function expectEnded(subject: Subject, ref: InstanceRef): Promise<void> {
  for (const asked of [ref, { ...ref, instanceId: null }]) {
    const instance = await subject.provider.getInstance(asked, call());
    expect(instance?.state ?? 'gone').toBe('gone');
  }
  const { instances } = await owned(subject, subject.provider);
  expect(instances.map((instance) => instance.ref)).not.toContainEqual(ref);
}

function owned(subject: Subject, provider: Provider): ReturnType<Provider['listOwned']> {
  return provider.listOwned({ owner: OWNER, regions: subject.facts.regions }, call());
}

/** Starts `count` machines; where hundreds of them would take a request each, by copying one in the world: it proves no less. */
async function startMany(subject: Subject, count: number): Promise<void> {
  const request = launchRequest(subject.aPool());
  await subject.provider.launch(request, call());
  const [model] = livingMachines(subject);
  const rest = count - 1;
  if (model === undefined || model.name === null || rest < 100) {
    await subject.provider.launch({ ...request, idempotencyKey: '01k8others', count: rest }, call());
    return;
  }
  const { pool, name, tags, details } = model;
  const names = Array.from({ length: rest }, (_, index) => name.replace(/\d+$/, String(index + 1)));
  const likeIt = { pool, names, tags, details, maxPriceMicroUsdPerHour: null, capacityAnswer: 'sync' as const };
  expect(subject.clouds.world.launch({ ...likeIt, count: rest, minCount: rest }).accepted).toBe(true);
}

function usageOfAll(subject: Subject): readonly number[] {
  const { cloud, regions } = subject.facts;
  return [...regions, null].flatMap((region) => subject.clouds.world.quotas(cloud, region).map(({ usage }) => usage));
}

export const instanceSentences: SentenceList = [
  {
    title: 'getInstance finds a machine by id and by key alone',
    async check(subject) {
      const { ref } = await running(subject);
      const byId = await subject.provider.getInstance(ref, call());
      expect(byId).toMatchObject({ ref, state: 'running' });
      expect(await subject.provider.getInstance({ ...ref, instanceId: null }, call())).toEqual(byId);
    },
  },
  {
    title: 'getInstance tells the machines of one key apart by index',
    async check(subject) {
      const { instances } = await subject.provider.launch(launchRequest(subject.aPool(), { count: 3 }), call());
      for (const { ref } of instances) {
        expect((await subject.provider.getInstance({ ...ref, instanceId: null }, call()))?.ref).toEqual(ref);
      }
      const beyond = { ...keyOnlyRef(launchRequest(subject.aPool())), index: 3 };
      expect(await subject.provider.getInstance(beyond, call())).toBeNull();
    },
  },
  {
    title: 'getInstance of a key never used is null',
    async check(subject) {
      const request = launchRequest(subject.aPool(), { idempotencyKey: 'neverused' });
      expect(await subject.provider.getInstance(keyOnlyRef(request), call())).toBeNull();
    },
  },
  {
    title: 'a machine too young to be visible is null, and found later',
    async check(subject) {
      subject.clouds.control.setVisibilityDelayMs(subject.facts.cloud, 10_000);
      const { instances } = await subject.provider.launch(launchRequest(subject.aPool()), call());
      for (const { ref } of instances) {
        expect((await subject.provider.getInstance(ref, call()))?.state ?? 'pending').toBe('pending');
        // What is shown then is as old as the delay.
        await subject.clock.advance(20_000);
        expect(await subject.provider.getInstance(ref, call())).toMatchObject({ ref, state: 'running' });
      }
    },
  },
  {
    title: 'a machine that was ended too young to be visible is ended by repeating once it is visible',
    async check(subject) {
      subject.clouds.control.setVisibilityDelayMs(subject.facts.cloud, 10_000);
      const request = launchRequest(subject.aPool());
      await subject.provider.launch(request, call());
      expect(await subject.provider.terminate(keyOnlyRef(request), call())).toMatch(/^(terminating|gone)$/);
      await subject.clock.advance(10_000);
      await endMachine(subject, keyOnlyRef(request));
      expect(livingMachines(subject)).toEqual([]);
    },
  },
  {
    title: 'a machine lost behind our back is gone',
    async check(subject) {
      const { ref } = await running(subject);
      for (const { serial } of livingMachines(subject)) subject.clouds.control.lose(serial);
      await expectEnded(subject, ref);
    },
  },
  {
    title: 'an interrupted spot machine ends',
    async check(subject) {
      const { ref } = await running(subject, { pool: subject.aSpotPool() });
      for (const { serial } of livingMachines(subject)) subject.clouds.control.interrupt(serial);
      await subject.clock.advance(1_000);
      expect((await subject.provider.getInstance(ref, call()))?.state).toMatch(/^(running|stopping)$/);
      const noticeMs = (subject.provider.capabilities.spotNoticeSeconds ?? 0) * 1000;
      await subject.clock.advance(noticeMs + LONG_MS);
      await expectEnded(subject, ref);
    },
  },
  {
    title: 'listOwned finds every machine with our tag, in every region asked, and no other',
    async check(subject) {
      const [here, there] = subject.facts.regions;
      const hasSpot = subject.provider.capabilities.markets.includes('spot');
      const mine = [
        await running(subject, { idempotencyKey: 'k1', pool: subject.aPool(here) }),
        await running(subject, { idempotencyKey: 'k2', pool: subject.aPool(there) }),
        await running(subject, {
          idempotencyKey: 'k3',
          pool: hasSpot ? subject.aSpotPool(there) : subject.aPool(there),
        }),
      ];
      await running(subject, { idempotencyKey: 'k4', owner: 'somebody-else' });
      await running(subject, { idempotencyKey: 'k5', owner: `${OWNER}-2` });
      const { instances, regions } = await owned(subject, subject.provider);
      const listed = instances.toSorted((a, b) => (a.ref.idempotencyKey < b.ref.idempotencyKey ? -1 : 1));
      expect(listed.map(({ ref }) => ref)).toEqual(mine.map(({ ref }) => ref));
      expect(listed.map(({ pool }) => pool)).toEqual(mine.map(({ pool }) => pool));
      for (const { owner, state } of listed) expect({ owner, state }).toEqual({ owner: OWNER, state: 'running' });
      expect(regions.map(({ region, complete }) => ({ region, complete }))).toHaveLength(2);
      for (const { complete, error } of regions) expect({ complete, error }).toEqual({ complete: true, error: null });

      const one = await subject.provider.listOwned({ owner: OWNER, regions: [there] }, call());
      expect(one.instances.map(({ ref }) => ref.idempotencyKey).toSorted()).toEqual(['k2', 'k3']);
      expect(one.regions).toEqual([{ region: there, complete: true, error: null }]);
    },
  },
  {
    title: 'listOwned lists what getInstance tells',
    async check(subject) {
      const { ref } = await running(subject);
      const { instances } = await owned(subject, subject.provider);
      expect(instances).toEqual([await subject.provider.getInstance(ref, call())]);
    },
  },
  {
    title: 'listOwned reads every page',
    async check(subject) {
      const { cloud, machinesPerPage } = subject.facts;
      const pool = subject.aPool();
      const count = machinesPerPage + 1;
      subject.clouds.control.setFree(patternOf(cloud, pool), count);
      for (const { fact, region } of [null, pool.region].flatMap((place) =>
        subject.clouds.world.quotas(cloud, place),
      )) {
        subject.clouds.control.setQuotaLimit(cloud, region, fact.name, 1_000_000);
      }
      await startMany(subject, count);
      const { instances, regions } = await owned(subject, subject.provider);
      expect(new Set(instances.map(({ ref }) => ref.instanceId)).size).toBe(count);
      for (const { complete } of regions) expect(complete).toBe(true);
    },
  },
  {
    title: 'a failed launch is never listed as running, and leaves nothing once terminated',
    async check(subject) {
      const { cloud } = subject.facts;
      const pool = subject.aPool();
      const unused = usageOfAll(subject);
      subject.clouds.control.setFree(patternOf(cloud, pool), 0);
      const request = launchRequest(pool, { count: 2 });
      await subject.provider.launch(request, call());
      await subject.clock.advance(LONG_MS);
      const another = await subject.createAnother();
      for (const { state } of (await owned(subject, another)).instances) expect(state).toBe('failed');
      for (const index of [0, 1]) {
        expect(await endMachine(subject, keyOnlyRef(request, index), another)).toContain('gone');
      }
      expect((await owned(subject, another)).instances).toEqual([]);
      expect(usageOfAll(subject)).toEqual(unused);
      if (subject.facts.failedMachinesRemain) expect(subject.clouds.world.machines(cloud)).toEqual([]);
    },
  },
  {
    title: 'terminate answers terminating, then gone, and again gone',
    async check(subject) {
      const unused = usageOfAll(subject);
      const { ref } = await running(subject);
      expect(usageOfAll(subject)).not.toEqual(unused);
      expect(await subject.provider.terminate(ref, call())).toBe('terminating');
      expect((await subject.provider.getInstance(ref, call()))?.state).toBe('stopping');
      expect((await owned(subject, subject.provider)).instances).toMatchObject([{ ref, state: 'stopping' }]);
      expect(await endMachine(subject, ref)).toContain('gone');
      expect(await subject.provider.terminate(ref, call())).toBe('gone');
      expect(livingMachines(subject)).toEqual([]);
      expect(usageOfAll(subject)).toEqual(unused);
      await expectEnded(subject, ref);
    },
  },
  {
    title: 'terminate may be sent twice at once',
    async check(subject) {
      const { ref } = await running(subject);
      const answers = await Promise.all([1, 2, 3].map(() => subject.provider.terminate(ref, call())));
      for (const answer of answers) expect(answer).toMatch(/^(terminating|gone)$/);
      expect(await endMachine(subject, ref)).toContain('gone');
      expect(livingMachines(subject)).toEqual([]);
    },
  },
  {
    title: 'terminate ends a machine that is still starting',
    async check(subject) {
      const { instances } = await subject.provider.launch(launchRequest(subject.aPool()), call());
      for (const { ref } of instances) {
        expect(await endMachine(subject, ref)).toContain('gone');
      }
      expect(livingMachines(subject)).toEqual([]);
    },
  },
  {
    title: 'terminate of one machine leaves the others of its key alone',
    async check(subject) {
      const { instances } = await subject.provider.launch(launchRequest(subject.aPool(), { count: 3 }), call());
      await subject.clock.advance(LAUNCH_LATENCY_MS);
      const middle = instances.find(({ ref }) => ref.index === 1);
      if (middle === undefined) throw new Error('no machine with index 1');
      await endMachine(subject, { ...middle.ref, instanceId: null });
      const left = (await owned(subject, subject.provider)).instances.map(({ ref }) => ref.index);
      expect(left.toSorted()).toEqual([0, 2]);
      expect(livingMachines(subject)).toHaveLength(2);
    },
  },
  {
    title: 'terminate of a machine that the cloud does not know is gone',
    async check(subject) {
      const request = launchRequest(subject.aPool(), { idempotencyKey: 'neverused' });
      expect(await subject.provider.terminate(keyOnlyRef(request), call())).toBe('gone');
      const { ref } = await running(subject);
      await endMachine(subject, ref);
      await subject.clock.advance(2 * 3_600_000);
      expect(await subject.provider.terminate(ref, call())).toBe('gone');
    },
  },
  {
    title: 'terminate works by key alone',
    async check(subject) {
      const { ref } = await running(subject);
      const answers = await endMachine(subject, { ...ref, instanceId: null });
      expect(answers).toContain('gone');
      expect(livingMachines(subject)).toEqual([]);
    },
  },
  {
    title: 'a terminate whose reply was lost may be repeated',
    async check(subject) {
      const { ref } = await running(subject);
      addFault(subject, 'lost-reply', { operation: subject.facts.terminateOperation, remaining: 1 });
      await expect(subject.provider.terminate(ref, call())).rejects.toMatchObject({ kind: 'outcome-unknown' });
      expect(await endMachine(subject, ref)).toContain('gone');
      expect(livingMachines(subject)).toEqual([]);
    },
  },
  {
    title: 'a restart loses nothing: a fresh adapter knows what was written down as JSON',
    async check(subject) {
      const { ref } = await running(subject);
      const restarted = await subject.createAnother();
      const remembered: InstanceRef = JSON.parse(JSON.stringify(ref));
      expect(await restarted.getInstance(remembered, call())).toMatchObject({ ref, state: 'running', owner: OWNER });
      expect((await owned(subject, restarted)).instances.map((instance) => instance.ref)).toEqual([ref]);
      expect(await endMachine(subject, remembered, restarted)).toContain('gone');
      expect(livingMachines(subject)).toEqual([]);
      await expectEnded(subject, ref);
    },
  },
];
