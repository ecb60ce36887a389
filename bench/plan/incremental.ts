import type { PlanInput } from '../../src/domain/plan.ts';
import { type Pool, poolKey } from '../../src/domain/pool.ts';
import { poolScope } from '../../src/domain/sold-out.ts';
import { FleetSession } from '../../src/planning/fleet-session.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { percentile } from '../support/figures.ts';
import { carriedOut } from './carried-out.ts';
import type { FleetFile } from './fleet-file.ts';
import { inputOf } from './fleet-input.ts';
import type { Row } from './rows.ts';

export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly heldCount: number;
}

export interface IncrementalFigures {
  /** One workload more in the running fleet. */
  readonly added: Latencies;
  /** A pool in use refuses: what ran there is placed elsewhere. */
  readonly soldOut: Latencies;
}

/**
 * Changes of a running fleet, one after another, each timed from the change to its answer. The first run of all of them, which
 * compiles and loads, does not count.
 */
export async function measureIncremental(fleet: FleetFile, row: Row, count: number): Promise<IncrementalFigures> {
  const input = inputOf(fleet, row.policy);
  const running = carriedOut(input, await planFleet(input));
  await measureAll(running, count);
  return measureAll(running, count);
}

async function measureAll(running: PlanInput, count: number): Promise<IncrementalFigures> {
  const session = new FleetSession(running);
  const added = [];
  let heldCount = 0;
  for (let index = 0; index < count; index += 1) {
    const template = running.workloads[(index * 7919) % running.workloads.length];
    if (template === undefined) break;
    const startedAt = performance.now();
    const { held } = await session.place({ id: `added-${index}`, spec: template.spec });
    added.push(performance.now() - startedAt);
    heldCount += held.length;
    session.remove(`added-${index}`);
  }
  const fresh = new FleetSession(running);
  const soldOut = [];
  let heldAfter = 0;
  for (const [pool, leaseIds] of poolsInUse(running.leases).slice(0, count)) {
    const refusal = { scope: poolScope(pool), until: running.at + 3_600_000, reason: 'bench', strikes: 1 };
    const startedAt = performance.now();
    const { held } = await fresh.refuse(refusal, leaseIds);
    soldOut.push(performance.now() - startedAt);
    heldAfter += held.length;
  }
  return { added: latencies(added, heldCount), soldOut: latencies(soldOut, heldAfter) };
}

function poolsInUse(
  leases: readonly { readonly id: string; readonly pool: Pool }[],
): readonly (readonly [Pool, readonly string[]])[] {
  return [...Map.groupBy(leases, ({ pool }) => poolKey(pool)).values()].flatMap((there) => {
    const [first] = there;
    return first === undefined ? [] : [[first.pool, there.map(({ id }) => id)] as const];
  });
}

function latencies(values: readonly number[], heldCount: number): Latencies {
  return { count: values.length, p50Ms: percentile(values, 0.5), p99Ms: percentile(values, 0.99), heldCount };
}
