import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { Clock, EpochMs } from '../../domain/time.ts';
import type { Capacity } from './capacity.ts';
import type { Catalog } from './catalog.ts';
import type { LaunchFailure, WorldLaunch, WorldLaunchResult, WorldMachine, WorldPool } from './contract.ts';
import type { Machines } from './machines.ts';
import type { Quotas } from './quotas.ts';
import { streamOf, uniformAt } from './random.ts';
import type { Reservations } from './reservations.ts';
import { scarcityOf } from './scarcity.ts';
import { HOUR_MS } from './spot-price.ts';

export interface Launching {
  readonly seed: number;
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly machines: Machines;
  readonly quotas: Quotas;
  readonly capacity: Capacity;
  readonly reservations: Reservations;
  readonly price: (pool: WorldPool) => MicroUsdPerHour | null;
  readonly latencyMs: (pool: WorldPool) => number;
  readonly interruptionsPerHour: number;
}

function checkRequest(request: WorldLaunch): void {
  const { count, minCount, names } = request;
  if (!(Number.isSafeInteger(count) && count >= 1)) throw new RangeError(`a launch is of ≥ 1 machines, not ${count}`);
  if (!(Number.isSafeInteger(minCount) && minCount >= 1 && minCount <= count))
    throw new RangeError(`the fewest machines of a launch of ${count} cannot be ${minCount}`);
  if (names !== null && new Set(names).size !== names.length)
    throw new RangeError(`two machines of one launch cannot share a name: ${names.join(', ')}`);
  if (names !== null && names.length !== count) throw new RangeError(`${names.length} names for ${count} machines`);
}

/**
 * Starts machines: sold here? within the spot price limit? within quota? hardware there? — in this order.
 * Throws RangeError for an impossible request, an Error for a name that is taken; every other "no" is a value.
 */
export function launchMachines(launching: Launching, request: WorldLaunch): WorldLaunchResult {
  checkRequest(request);
  const { pool, minCount } = request;
  const price = launching.price(pool);
  if (price === null) return { accepted: false, failure: { kind: 'not-offered' } };
  const limit = request.maxPriceMicroUsdPerHour;
  if (pool.market === 'spot' && limit !== null && price > limit)
    return { accepted: false, failure: { kind: 'price', spotPriceMicroUsdPerHour: price } };
  const quota = launching.quotas.fitting(pool, request.count);
  if (quota.fits < minCount && quota.tightest !== null) return { accepted: false, failure: quota.tightest };
  const forced = request.forcedFailure ?? null;
  if (forced !== null) {
    const failure: LaunchFailure = { kind: 'vendor', error: forced };
    return { accepted: true, machines: addMachines(launching, request, price, quota.fits, failure) };
  }
  const { free, failure: capacityFailure } = roomFor(launching, request);
  const accepted = Math.min(quota.fits, free);
  if (accepted >= minCount) return { accepted: true, machines: addMachines(launching, request, price, accepted, null) };
  if (request.capacityAnswer === 'sync') return { accepted: false, failure: capacityFailure };
  return { accepted: true, machines: addMachines(launching, request, price, quota.fits, capacityFailure) };
}

/** Machines that the pool, or the reservation asked for, still has, and what is wrong when those are too few. */
function roomFor(
  { capacity, reservations }: Launching,
  { pool, reservation = null }: WorldLaunch,
): { readonly free: number; readonly failure: LaunchFailure } {
  if (reservation !== null) {
    const free = reservations.freeFor(pool, reservation);
    return { free, failure: { kind: 'reservation', reservation, free } };
  }
  const free = capacity.freeOf(pool);
  return { free, failure: { kind: 'capacity', pool, free } };
}

/** `failure` null: they will run; otherwise they fail when they would have run. */
function addMachines(
  launching: Launching,
  request: WorldLaunch,
  price: MicroUsdPerHour,
  count: number,
  failure: LaunchFailure | null,
): readonly WorldMachine[] {
  const launchedAt = launching.clock.now();
  const runningAt = launchedAt + launching.latencyMs(request.pool);
  return Array.from({ length: count }, (_, index) =>
    launching.machines.add(
      {
        pool: request.pool,
        name: request.names?.[index] ?? null,
        tags: request.tags,
        details: request.details,
        launchedAt,
        runningAt,
        priceMicroUsdPerHour: price,
        stoppingAt: null,
        terminatedAt: null,
        failedAt: failure === null ? null : runningAt,
        failure,
        reservation: request.reservation ?? null,
        noticeAt: null,
        endedBy: null,
      },
      failure === null ? fatedNoticeAt(launching, request.pool, runningAt) : null,
    ),
  );
}

/** When the next machine will be warned: exponential with a rate that grows with scarcity; null when nothing is to happen by itself. */
function fatedNoticeAt(launching: Launching, pool: WorldPool, runningAt: EpochMs): EpochMs | null {
  const { seed, machines, catalog, interruptionsPerHour } = launching;
  const type = catalog.instanceType(pool.cloud, pool.instanceType);
  if (interruptionsPerHour === 0 || pool.market !== 'spot' || type === null) return null;
  const perHour = interruptionsPerHour * (0.5 + scarcityOf(type.accelerator));
  const draw = uniformAt(streamOf(seed, 'interruptions'), machines.lastSerial() + 1);
  return runningAt + Math.round((-Math.log(1 - draw) / perHour) * HOUR_MS);
}
