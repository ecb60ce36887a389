import { type Market, type Pool, poolKey, zoneKey } from '../../../src/domain/pool.ts';
import { decideService } from '../../../src/planning/spot-services/decide-service.ts';
import { observePool, type PoolRecord } from '../../../src/planning/spot-services/pool-record.ts';
import type {
  Place,
  ServiceDecision,
  ServiceReplica,
  ServiceRules,
  ServiceState,
} from '../../../src/planning/spot-services/service-state.ts';

export const RULES: ServiceRules = {
  replicas: 4,
  minAvailable: 4,
  maxZoneShare: 0.5,
  zoneShareOf: 'held',
  coldStartSeconds: 120,
  reactionSeconds: 30,
  shortageWeight: 60,
};

export function poolAt(provider: string, zone: string, market: Market, instanceType = 'g1'): Pool {
  return { provider, region: zone.slice(0, -1), zone, instanceType, market, reservation: null };
}

export function placeAt(pool: Pool, usdPerHour: number): Place {
  return { pool, priceMicroUsdPerHour: Math.round(usdPerHour * 1_000_000) };
}

export function replicaIn(pool: Pool, id: string, parts: Partial<ServiceReplica> = {}): ServiceReplica {
  return { id, pool, launchedAt: 0, readyAt: 120_000, leaving: false, ...parts };
}

/** What happens between two decisions. */
export interface Step {
  readonly seconds: number;
  /** Machines that can be had by `poolKey`; a pool that is not named has all. */
  readonly capacity: ReadonlyMap<string, number>;
}

export interface Moment {
  readonly state: ServiceState;
  readonly decision: ServiceDecision;
  /** After the launches that were accepted and what was retired. */
  readonly held: readonly ServiceReplica[];
  readonly accepted: number;
  readonly lost: number;
  /** Nothing was refused: there is no other decision at this time. */
  readonly settled: boolean;
}

/**
 * Drives the policy as a broker would, at irregular times and again at once where a launch was refused, against clouds whose capacity is what
 * the steps say.
 */
export function drive(rules: ServiceRules, places: readonly Place[], steps: readonly Step[]): readonly Moment[] {
  const records = new Map<string, PoolRecord>();
  const moments: Moment[] = [];
  let held: readonly ServiceReplica[] = [];
  let nowAt = 0;
  const nextId = counter();
  for (const { seconds, capacity } of steps) {
    nowAt += seconds * 1000;
    const alive = held.filter((replica) => rankIn(held, replica) < (capacity.get(poolKey(replica.pool)) ?? Infinity));
    note(records, places, nowAt, { before: held, after: alive, refused: new Map() });
    let [before, lost] = [alive, held.length - alive.length];
    for (let again = true, rounds = 0; again && rounds < 20; lost = 0, rounds += 1) {
      const state: ServiceState = { nowAt, places, replicas: before, records: new Map(records) };
      const decision = decideService(rules, state);
      const kept = before.filter(({ id }) => !decision.retire.includes(id));
      const { after, refused } = launched(rules, nowAt, kept, decision, capacity, nextId);
      note(records, places, nowAt, { before: kept, after, refused });
      again = refused.size > 0;
      moments.push({ state, decision, held: after, accepted: after.length - kept.length, lost, settled: !again });
      before = [...after];
    }
    held = before;
  }
  return moments;
}

function counter(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `r${count}`;
  };
}

function launched(
  rules: ServiceRules,
  nowAt: number,
  kept: readonly ServiceReplica[],
  { launches }: ServiceDecision,
  capacity: Step['capacity'],
  nextId: () => string,
) {
  const after = [...kept];
  const refused = new Map<string, number>();
  for (const { pool } of launches.flatMap(({ pool, count }) => Array.from({ length: count }, () => ({ pool })))) {
    const key = poolKey(pool);
    const inPool = after.filter((replica) => poolKey(replica.pool) === key).length;
    if (inPool >= (capacity.get(key) ?? Infinity)) refused.set(key, (refused.get(key) ?? 0) + 1);
    else after.push(replicaIn(pool, nextId(), { launchedAt: nowAt, readyAt: nowAt + rules.coldStartSeconds * 1000 }));
  }
  return { after, refused };
}

function rankIn(held: readonly ServiceReplica[], replica: ServiceReplica): number {
  return held.filter(({ pool }) => poolKey(pool) === poolKey(replica.pool)).indexOf(replica);
}

function note(
  records: Map<string, PoolRecord>,
  places: readonly Place[],
  at: number,
  seen: {
    readonly before: readonly ServiceReplica[];
    readonly after: readonly ServiceReplica[];
    readonly refused: ReadonlyMap<string, number>;
  },
): void {
  for (const { pool } of places) {
    const key = poolKey(pool);
    const count = (replicas: readonly ServiceReplica[]): number =>
      replicas.filter((replica) => poolKey(replica.pool) === key).length;
    const [before, after] = [count(seen.before), count(seen.after)];
    records.set(
      key,
      observePool(records.get(key) ?? null, {
        at,
        runningCount: after,
        lostCount: Math.max(0, before - after),
        acceptedCount: Math.max(0, after - before),
        refusedCount: seen.refused.get(key) ?? 0,
      }),
    );
  }
}

export function mostInOneZone(replicas: readonly ServiceReplica[]): number {
  return Math.max(0, ...[...Map.groupBy(replicas, ({ pool }) => zoneKey(pool)).values()].map((own) => own.length));
}
