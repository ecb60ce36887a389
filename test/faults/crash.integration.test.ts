import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LeaseJson } from '../../src/api/resources/leases.ts';
import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';
import { allWorkloads, applyWorkloads, isSettled, type Rig, startRig } from '../../src/main/rig.ts';

/** The real processes on the real embedded store: the broker is killed with SIGKILL, the emulated clouds are the judge. */
const CRASHES = 25;
const SEED = 11;

let rig: Rig;

beforeAll(async () => {
  rig = await startRig({ seed: SEED, port: 0 });
});

afterAll(async () => {
  await rig?.stop();
});

/** What the broker is in the middle of when it is killed. */
async function disturb(round: number, random: number): Promise<void> {
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

async function settled(): Promise<readonly LeaseJson[]> {
  const deadline = performance.now() + 90_000;
  for (;;) {
    const workloads = await allWorkloads(rig.api);
    if (isSettled(workloads)) return workloads.flatMap(({ leases }) => leases);
    if (performance.now() > deadline) {
      throw new Error(
        `Not settled: ${JSON.stringify(workloads.map(({ name, state, holdReasons, leases }) => ({ name, state, holdReasons, leases: leases.map((lease) => `${lease.state}: ${lease.stateReason}`) })))}`,
      );
    }
    await sleep(200);
  }
}

describe('kill -9 of the broker at any moment', () => {
  it(`leaves no machine without a lease and none twice, and every workload placed, over ${CRASHES} crashes`, async () => {
    const stream = streamOf(SEED, 'crashes');
    await applyWorkloads(rig.api);
    let starting: Promise<unknown> = Promise.resolve();
    for (let round = 0; round < CRASHES; round += 1) {
      // By turns while it works, and at any moment of its life, its start included.
      const random = uniformAt(stream, round);
      if (round % 2 === 0) {
        await starting;
        await sleep(20 + random ** 2 * 2_500);
      } else {
        await sleep(100 + random * 4_000);
      }
      await rig.killBroker();
      await starting.catch(() => {});
      await disturb(round, uniformAt(stream, 1000 + round));
      starting = rig.startBroker();
      // Awaited later: a start that is killed rejects before that.
      starting.catch(() => {});
    }
    await starting;
    const leases = await settled();

    const machines = await rig.control.machines();
    const alive = machines.filter(({ state }) => state === 'running' || state === 'pending' || state === 'stopping');
    const attempts = alive.map(({ tags }) => tags['gpu-broker-attempt']);
    expect(new Set(attempts).size, 'no two machines for one attempt').toBe(attempts.length);
    expect(attempts.every((attempt) => attempt !== undefined)).toBe(true);
    expect(alive.length, 'every machine has its lease, and every lease its machine').toBe(leases.length);
    expect(leases.every(({ state }) => state === 'ready')).toBe(true);
    const everStarted = machines.map(({ tags }) => tags['gpu-broker-attempt']);
    expect(new Set(everStarted).size, 'no attempt ever started two machines').toBe(everStarted.length);
  }, 600_000);
});
