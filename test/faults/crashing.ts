import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { WorkloadJson } from '../../src/api/resources/workloads.ts';
import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';
import { allWorkloads, applyWorkloads, isSettled, type Rig } from '../../src/main/rig.ts';

/** Machines of the emulated clouds that are paid for. */
const PAID = new Set(['running', 'pending', 'stopping']);
const SETTLES_WITHIN_MS = 120_000;
/** A user changes something every so often while brokers die. */
const LOAD_EVERY_MS = 150;
/** Workloads that the user keeps at most besides the samples. */
const MOST_LOAD = 6;

/** What a user asked for, by names of workloads. */
interface Load {
  /** Applied, and the broker said so. */
  readonly accepted: Set<string>;
  /** To be deleted, whether or not an answer came: one that was lost may have been carried out. */
  readonly unwanted: Set<string>;
  /** Deleted, and the broker said so. */
  readonly deleted: Set<string>;
  /** Ends the user's work. */
  stop(): Promise<void>;
}

/**
 * Kills the broker with SIGKILL `crashes` times, by turns while it works and at any moment of its life, its start included, under
 * changes by a user and losses in the clouds. Then everything must settle, and the emulated clouds are the judge: no machine without a
 * lease, no attempt that started two, no accepted workload lost, no deleted one back.
 */
export async function surviveCrashes(rig: Rig, seed: number, crashes: number): Promise<void> {
  const stream = streamOf(seed, 'crashes');
  await applyWorkloads(rig.api);
  const load = startLoad(rig, seed);
  let starting: Promise<unknown> = Promise.resolve();
  for (let round = 0; round < crashes; round += 1) {
    const random = uniformAt(stream, round);
    if (round % 2 === 0) {
      await starting;
      await sleep(20 + random ** 2 * 2_500);
    } else {
      await sleep(100 + random * 4_000);
    }
    await rig.killBroker();
    await starting.catch(() => {});
    await disturb(rig, round, uniformAt(stream, 1000 + round));
    starting = rig.startBroker();
    // Awaited later: a start that is killed rejects before that.
    starting.catch(() => {});
  }
  await starting;
  await load.stop();
  await judge(rig, await settled(rig), load);
}

async function judge(
  rig: Rig,
  workloads: readonly WorkloadJson[],
  { accepted, unwanted, deleted }: Load,
): Promise<void> {
  const present = new Set(workloads.map(({ name }) => name));
  expect(
    [...accepted].filter((name) => !unwanted.has(name) && !present.has(name)),
    'no accepted workload is lost',
  ).toEqual([]);
  expect(
    [...deleted].filter((name) => present.has(name)),
    'no deleted workload is back',
  ).toEqual([]);
  const leases = workloads.flatMap((workload) => workload.leases);
  const machines = await rig.control.machines();
  const alive = machines.filter(({ state }) => PAID.has(state));
  const attempts = alive.map(({ tags }) => tags['gpu-broker-attempt']);
  expect(new Set(attempts).size, 'no two machines for one attempt').toBe(attempts.length);
  expect(attempts.every((attempt) => attempt !== undefined)).toBe(true);
  expect(alive.length, 'every machine has its lease, and every lease its machine').toBe(leases.length);
  expect(leases.every(({ state }) => state === 'ready')).toBe(true);
  const everStarted = machines.map(({ tags }) => tags['gpu-broker-attempt']);
  expect(new Set(everStarted).size, 'no attempt ever started two machines').toBe(everStarted.length);
}

/** What happens in the clouds while no broker looks. */
async function disturb(rig: Rig, round: number, random: number): Promise<void> {
  const machines = (await rig.control.machines()).filter(({ state }) => state === 'running');
  const victim = machines[Math.floor(random * machines.length)];
  if (victim === undefined) return;
  if (round % 3 === 0) {
    await rig.control.setFree(
      { cloud: victim.pool.cloud, instanceType: victim.pool.instanceType, zone: victim.pool.zone },
      0,
    );
  }
  await rig.control.lose(victim.serial);
}

/** A user who applies and deletes small workloads all the time, and goes on with others where no broker was there to answer. */
function startLoad(rig: Rig, seed: number): Load {
  const load = { accepted: new Set<string>(), unwanted: new Set<string>(), deleted: new Set<string>() };
  const stream = streamOf(seed, 'load');
  let stopping = false;
  async function work(): Promise<void> {
    for (let count = 0; !stopping; count += 1) {
      await sleep(LOAD_EVERY_MS);
      try {
        await change(rig, load, count, uniformAt(stream, count));
      } catch {
        // The broker is down, or died with the answer: whether it took the change is not known, so nothing is claimed of it.
      }
    }
  }
  const working = work();
  return {
    ...load,
    stop: () => {
      stopping = true;
      return working;
    },
  };
}

async function change(rig: Rig, load: Omit<Load, 'stop'>, count: number, random: number): Promise<void> {
  const kept = [...load.accepted].filter((name) => !load.deleted.has(name));
  const one = kept[Math.floor(random * kept.length)];
  if (kept.length >= MOST_LOAD && one !== undefined) {
    load.unwanted.add(one);
    await remove(rig, one);
    load.deleted.add(one);
  } else {
    await apply(rig, `load-${count}`);
    load.accepted.add(`load-${count}`);
  }
}

async function apply(rig: Rig, name: string): Promise<void> {
  await rig.api.send('POST', '/v1/workloads', {
    headers: { 'content-type': 'application/yaml' },
    body: `apiVersion: gpu-broker/v1
kind: Workload
metadata: { name: ${name}, team: research }
spec:
  accelerators: [L4:1, T4:1]
  container: { image: registry.example/research/notebook:3 }
`,
  });
}

async function remove(rig: Rig, name: string): Promise<void> {
  const found = (await allWorkloads(rig.api)).find((workload) => workload.name === name);
  if (found !== undefined) await rig.api.send('DELETE', `/v1/workloads/${found.id}`, {});
}

async function settled(rig: Rig): Promise<readonly WorkloadJson[]> {
  const deadline = performance.now() + SETTLES_WITHIN_MS;
  for (;;) {
    const all = await allWorkloads(rig.api);
    const workloads = all.filter(({ state }) => state !== 'deleted');
    if (isSettled(workloads)) return workloads;
    if (performance.now() > deadline) {
      throw new Error(
        `Not settled: ${JSON.stringify(workloads.map(({ name, state, holdReasons, leases }) => ({ name, state, holdReasons, leases: leases.map((lease) => `${lease.state}: ${lease.stateReason}`) })))}`,
      );
    }
    await sleep(200);
  }
}
