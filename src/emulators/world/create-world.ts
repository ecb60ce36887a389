import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { Clock, EpochMs } from '../../domain/time.ts';
import type { Capacity } from './capacity.ts';
import { createCapacity } from './capacity.ts';
import type { Catalog } from './catalog.ts';
import { createCatalog, isSamePool } from './catalog.ts';
import type { CloudId, MarketFacts, World, WorldControl, WorldPool } from './contract.ts';
import type { Faults } from './faults.ts';
import { createFaults } from './faults.ts';
import { launchMachines } from './launching.ts';
import type { Machines } from './machines.ts';
import { createMachines } from './machines.ts';
import type { Quotas } from './quotas.ts';
import { createQuotas } from './quotas.ts';
import type { SpotPrices } from './spot-price.ts';
import { createSpotPrices, HOUR_MS } from './spot-price.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly clock: Clock;
  readonly facts: readonly MarketFacts[];
  /** Hour 0 of prices and capacity; default: the clock's present. */
  readonly startedAt?: EpochMs;
  /** Spot notices that the world gives of its own accord, per machine-hour of an accelerator of middling scarcity; default 0: none. */
  readonly interruptionsPerHour?: number;
}

/** The world, the hand of God, and the faults that the HTTP shell consults. */
export interface CreatedWorld {
  readonly world: World;
  readonly control: WorldControl;
  readonly faults: Faults;
}

/** World time by cloud, until the control sets it. */
interface Delays {
  readonly launchLatencyMs: Record<CloudId, number>;
  readonly visibilityDelayMs: Record<CloudId, number>;
}

const STOPPING_MS = 1_000;

/** What the world is made of. */
interface Parts {
  readonly seed: number;
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly machines: Machines;
  readonly spotPrices: SpotPrices;
  readonly quotas: Quotas;
  readonly capacity: Capacity;
  readonly faults: Faults;
  readonly delays: Delays;
  readonly interruptionsPerHour: number;
}

/** Throws an Error that names every wrong fact when a market table is wrong. */
export function createWorld(options: WorldOptions): CreatedWorld {
  const parts = createParts(options);
  return { world: createView(parts), control: createControl(parts), faults: parts.faults };
}

function createParts(options: WorldOptions): Parts {
  const { seed, clock, interruptionsPerHour = 0 } = options;
  if (!(Number.isFinite(interruptionsPerHour) && interruptionsPerHour >= 0))
    throw new RangeError(`interruptionsPerHour must be ≥ 0, not ${interruptionsPerHour}`);
  const startedAt = options.startedAt ?? clock.now();
  const catalog = createCatalog(options.facts);
  const machines = createMachines({ now: () => clock.now(), stoppingMs: STOPPING_MS });

  function occupied(pool: WorldPool, sinceSerial: number): number {
    // A launch that is bound to fail holds no hardware.
    return machines
      .living(pool.cloud)
      .filter((machine) => machine.serial > sinceSerial && machine.failedAt === null && isSamePool(machine.pool, pool))
      .length;
  }

  return {
    seed,
    clock,
    catalog,
    machines,
    spotPrices: createSpotPrices({ seed, startedAt, catalog }),
    quotas: createQuotas({ catalog, counted: (cloud) => machines.living(cloud) }),
    capacity: createCapacity({
      seed,
      catalog,
      hourNow: () => Math.floor((clock.now() - startedAt) / HOUR_MS),
      occupied,
      lastSerial: () => machines.lastSerial(),
    }),
    faults: createFaults(seed),
    delays: {
      launchLatencyMs: { aws: 1_500, azure: 2_500, gcp: 2_000 },
      visibilityDelayMs: { aws: 0, azure: 0, gcp: 0 },
    },
    interruptionsPerHour,
  };
}

function createView(parts: Parts): World {
  const { seed, clock, catalog, machines, spotPrices, quotas, capacity, delays, interruptionsPerHour } = parts;
  const stores = new Map<string, Map<string, unknown>>();

  function price(pool: WorldPool): MicroUsdPerHour | null {
    if (!catalog.isSold(pool)) return null;
    if (pool.market === 'spot') return spotPrices.priceAt(pool, clock.now());
    return catalog.listPrice(pool.cloud, pool.region, pool.instanceType);
  }

  const launching = {
    seed,
    clock,
    catalog,
    machines,
    quotas,
    capacity,
    price,
    latencyMs: (pool: WorldPool) => delays.launchLatencyMs[pool.cloud],
    interruptionsPerHour,
  };

  return {
    seed,
    clock,
    facts: (cloud) => catalog.facts(cloud),
    instanceType: (cloud, name) => catalog.instanceType(cloud, name),
    region: (cloud, name) => catalog.region(cloud, name),
    zonesOffering: (cloud, region, instanceType) => catalog.zonesOffering(cloud, region, instanceType),
    listPrice: (cloud, region, instanceType) => catalog.listPrice(cloud, region, instanceType),
    price,
    spotHistory: (pool, from, to) => spotPrices.history(pool, from, to),
    quotas: (cloud, region) => quotas.states(cloud, region),
    launch: (request) => launchMachines(launching, request),
    machine: (serial) => machines.get(serial),
    machines: (cloud) => machines.list(cloud),
    stateOf: (machine) => machines.stateOf(machine),
    terminate: (serial) => machines.stop(serial),
    forget: (serial) => machines.forget(serial),
    tag: (serial, tags) => machines.tag(serial, tags),
    visibleAt: (machine) => machine.launchedAt + delays.visibilityDelayMs[machine.pool.cloud],
    store<V>(cloud: CloudId, name: string): Map<string, V> {
      const key = `${cloud}/${name}`;
      const store = stores.get(key) ?? new Map<string, unknown>();
      stores.set(key, store);
      // The front that names a store is the only one to put values into it.
      return store as Map<string, V>;
    },
  };
}

function checkedDelay(ms: number): number {
  if (!(Number.isFinite(ms) && ms >= 0)) throw new RangeError(`a delay must be ≥ 0 ms, not ${ms}`);
  return ms;
}

function createControl(parts: Parts): WorldControl {
  const { clock, catalog, machines, spotPrices, quotas, capacity, faults, delays } = parts;
  return {
    setFree(pattern, free) {
      const pools = catalog.poolsMatching(pattern);
      capacity.setFree(pools, free);
      return pools.length;
    },
    freeOf: (pool) => capacity.freeOf(pool),
    setQuotaLimit: (cloud, region, quota, limit) => quotas.setLimit(cloud, region, quota, limit),
    setSpotPrice(pattern, priceMicroUsdPerHour) {
      if (priceMicroUsdPerHour !== null && !(Number.isSafeInteger(priceMicroUsdPerHour) && priceMicroUsdPerHour > 0))
        throw new RangeError(`a price is a whole number of micro-dollars above 0, not ${priceMicroUsdPerHour}`);
      const pools = catalog.poolsMatching({ ...pattern, market: 'spot' });
      spotPrices.override(pools, clock.now(), priceMicroUsdPerHour);
    },
    interrupt: (serial) => machines.notify(serial),
    lose: (serial) => machines.lose(serial),
    setVisibilityDelayMs(cloud, delayMs) {
      delays.visibilityDelayMs[cloud] = checkedDelay(delayMs);
    },
    setLaunchLatencyMs(cloud, latencyMs) {
      delays.launchLatencyMs[cloud] = checkedDelay(latencyMs);
    },
    addFault: (fault) => faults.add(fault),
    removeFault: (id) => faults.remove(id),
    faults: () => faults.list(),
  };
}
