import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pageSchema } from '../../src/api/resources/common.ts';
import { type EventJson, eventSchema } from '../../src/api/resources/events.ts';
import type { LeaseJson } from '../../src/api/resources/leases.ts';
import { allWorkloads, type Rig, startRig } from '../../src/main/rig.ts';
import { percentile } from '../support/figures.ts';
import { wholeNumber } from '../support/options.ts';

/** `npm run bench:recovery`; what it measures stands in `bench/README.md`. */

const WORKLOAD = `apiVersion: gpu-broker/v1
kind: Workload
metadata: { name: recovering, team: media }
spec:
  replicas: 12
  accelerators: [T4:1, L4:1, A10G:1, V100-16GB:1]
  markets: [spot]
  container: { image: registry.example/media/transcode:7 }
`;
const PATIENCE_MS = 120_000;
const eventPage = pageSchema(eventSchema, 'EventPage');

interface Recovery {
  readonly provider: string;
  /** From the cloud's notice to the event that tells that the broker has heard of it. */
  readonly heardMs: number;
  /** From the cloud's notice to the event that tells that a replacement is asked for. */
  readonly requestedMs: number;
  readonly samePool: boolean;
}

const { values } = parseArgs({
  options: {
    interruptions: { type: 'string', default: '30' },
    seed: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
  },
});
const interruptions = wholeNumber('interruptions', values.interruptions);
const rig = await startRig({ seed: wholeNumber('seed', values.seed), port: 0 });
try {
  const recoveries = await measure(rig, interruptions);
  if (values.json) process.stdout.write(`${JSON.stringify(recoveries, null, 2)}\n`);
  else process.stdout.write(tableOf(recoveries));
} finally {
  await rig.stop();
}

async function measure(on: Rig, count: number): Promise<readonly Recovery[]> {
  await on.api.send('POST', '/v1/workloads', { headers: { 'content-type': 'application/yaml' }, body: WORKLOAD });
  const recoveries: Recovery[] = [];
  for (let index = 0; index < count; index += 1) {
    const leases = await settled(on);
    const victim = leases[index % leases.length];
    const machines = await on.control.machines();
    const machine = machines.find(({ tags }) => victim !== undefined && Object.values(tags).includes(victim.id));
    if (victim === undefined || machine === undefined) throw new Error('a ready lease has no machine in the clouds');
    const latest = await latestEvent(on);
    const noticedAt = Date.now();
    await on.control.interrupt(machine.serial);
    recoveries.push(await recoveryOf(on, victim, noticedAt, latest));
  }
  return recoveries;
}

async function settled(on: Rig): Promise<readonly LeaseJson[]> {
  return until('every replica is ready', async () => {
    const [workload] = await allWorkloads(on.api);
    const isSettled =
      workload?.state === 'placed' &&
      workload.readyReplicaCount === workload.replicaCount &&
      workload.leases.every(({ state }) => state === 'ready');
    return isSettled ? workload.leases : null;
  });
}

async function recoveryOf(on: Rig, victim: LeaseJson, noticedAt: number, after: EventJson | null): Promise<Recovery> {
  const events: EventJson[] = [];
  // Only what is new is asked for: whoever measures a broker leaves it to its work.
  async function next(isIt: (event: EventJson) => boolean): Promise<EventJson | null> {
    const cursor = String((events.at(-1) ?? after)?.sequence ?? '');
    events.push(...(await eventsAfter(on, cursor)));
    return events.find(isIt) ?? null;
  }
  const heard = await until('the notice is heard', () =>
    next(({ type, leaseId }) => type.startsWith('interruption.') && leaseId === victim.id),
  );
  const launched = await until('a replacement is asked for', () =>
    next(
      ({ type, sequence, leaseId }) =>
        type === 'lease.launching' && sequence > heard.sequence && leaseId !== null && leaseId !== victim.id,
    ),
  );
  const [workload] = await allWorkloads(on.api);
  const replacement = workload?.leases.find(({ id }) => id === launched.leaseId);
  return {
    provider: victim.pool.provider,
    heardMs: Date.parse(heard.at) - noticedAt,
    requestedMs: Date.parse(launched.at) - noticedAt,
    samePool: JSON.stringify(replacement?.pool) === JSON.stringify(victim.pool),
  };
}

async function eventsAfter(on: Rig, cursor: string): Promise<readonly EventJson[]> {
  const query = { limit: 500, ...(cursor === '' ? {} : { cursor }) };
  return (await on.api.get('/v1/events', eventPage, query)).items;
}

async function latestEvent(on: Rig): Promise<EventJson | null> {
  return (await on.api.list<typeof eventSchema>('/v1/events', eventPage)).at(-1) ?? null;
}

async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const found = await look();
    if (found !== null) return found;
    await sleep(200);
  }
  throw new Error(`waited ${PATIENCE_MS / 1000} s, but not yet: ${what}`);
}

function tableOf(recoveries: readonly Recovery[]): string {
  const lines = [...Map.groupBy(recoveries, ({ provider }) => provider), ['all', recoveries] as const].map(
    ([name, own]) => {
      const figures = (pick: (recovery: Recovery) => number): string => {
        const times = own.map(pick);
        return `median ${percentile(times, 0.5)} ms, largest ${Math.max(...times)} ms`;
      };
      const same = own.filter(({ samePool }) => samePool).length;
      return `${name}: ${own.length} interruptions; heard of: ${figures(({ heardMs }) => heardMs)}; replacement asked for: ${figures(({ requestedMs }) => requestedMs)}; in the same pool: ${same}`;
    },
  );
  return `${lines.join('\n')}\n`;
}
