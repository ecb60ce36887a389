import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { Clock, EpochMs } from '../../domain/time.ts';
import type { Capacity } from './capacity.ts';
import { createCapacity } from './capacity.ts';
import type { Catalog } from './catalog.ts';
import { createCatalog, isSamePool } from './catalog.ts';
import type { World, WorldPool } from './contract.ts';
import type { WorldControl } from './control-contract.ts';
import type { Faults } from './faults.ts';
import { createFaults } from './faults.ts';
import { launchMachines } from './launching.ts';
import type { Machines } from './machines.ts';
import { createMachines, stateAt } from './machines.ts';
import type { CloudId, MarketFacts } from './market-facts.ts';
import type { Outages } from './outages.ts';
import { createOutages } from './outages.ts';
import type { Parts } from './parts.ts';
import { createParts } from './parts.ts';
import type { Quotas } from './quotas.ts';
import { createQuotas } from './quotas.ts';
import type { RateLimits } from './rate-limits.ts';
import { createRateLimits } from './rate-limits.ts';
import type { Reservations } from './reservations.ts';
import { createReservations } from './reservations.ts';
import type { SpotPrices } from './spot-price.ts';
import { createSpotPrices, HOUR_MS } from './spot-price.ts';
import type { Traces } from './traces.ts';
import { createTraces } from './traces.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly clock: Clock;
  readonly facts: readonly MarketFacts[];
  /** Hour 0 of prices and capacity; default: the clock's present. */
  readonly startedAt?: EpochMs;
  /** Spot notices that the world gives of its own accord, per machine-hour of an accelerator of middling scarcity; default 0: none. */
  readonly interruptionsPerHour?: number;
}

/** The world, the hand of God, and what the HTTP shell consults before a front sees a request. */
export interface CreatedWorld {
  readonly world: World;
  readonly control: WorldControl;
  readonly faults: Faults;
  readonly rateLimits: RateLimits;
}

/** World time by cloud, until the control sets it. */
interface Delays {
  readonly launchLatencyMs: Map<CloudId, number>;
  readonly visibilityDelayMs: Map<CloudId, number>;
}

const STOPPING_MS = 1_000;

/** What the world is made of. */
interface Elements {
  readonly seed: number;
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly machines: Machines;
  readonly spotPrices: SpotPrices;
  readonly quotas: Quotas;
  readonly capacity: Capacity;
  readonly faults: Faults;
  readonly reservations: Reservations;
  readonly parts: Parts;
  readonly outages: Outages;
  readonly rateLimits: RateLimits;
  readonly traces: Traces;
  readonly delays: Delays;
  readonly interruptionsPerHour: number;
}

/** Throws an Error that names every wrong fact when a market table is wrong. */
export function createWorld(options: WorldOptions): CreatedWorld {
  const elements = createElements(options);
  const { faults, rateLimits } = elements;
  return { world: createView(elements), control: createControl(elements), faults, rateLimits };
}

function createElements(options: WorldOptions): Elements {
  const { seed, clock, interruptionsPerHour = 0 } = options;
  if (!(Number.isFinite(interruptionsPerHour) && interruptionsPerHour >= 0))
    throw new RangeError(`interruptionsPerHour must be ≥ 0, not ${interruptionsPerHour}`);
  const startedAt = options.startedAt ?? clock.now();
  const catalog = createCatalog(options.facts);
  const machines = createMachines({
    now: () => clock.now(),
    stoppingMs: STOPPING_MS,
    behaviour: (cloud) => catalog.facts(cloud).behaviour,
    blockEndOf: ({ pool, reservation }) =>
      reservation === null ? null : reservations.stopsAt(pool.cloud, reservation),
  });
  const reservations = createReservations({ clock, catalog, holding: (cloud) => machines.holding(cloud) });

  function occupied(pool: WorldPool, sinceSerial: number): number {
    // A machine in a reservation holds what was set aside.
    return machines
      .holding(pool.cloud)
      .filter(
        (machine) => machine.serial > sinceSerial && !reservations.holds(machine) && isSamePool(machine.pool, pool),
      ).length;
  }

  const spotPrices = createSpotPrices({ seed, startedAt, catalog });
  const capacity = createCapacity({
    seed,
    catalog,
    hourNow: () => Math.floor((clock.now() - startedAt) / HOUR_MS),
    occupied,
    lastSerial: () => machines.lastSerial(),
  });
  return {
    seed,
    clock,
    catalog,
    machines,
    spotPrices,
    quotas: createQuotas({ catalog, counted: (cloud) => machines.living(cloud) }),
    capacity,
    faults: createFaults(seed),
    reservations,
    parts: createParts({
      now: () => clock.now(),
      stateOf(serial) {
        const machine = machines.get(serial);
        return machine === null ? null : machines.stateOf(machine);
      },
    }),
    outages: createOutages(),
    rateLimits: createRateLimits(() => clock.now()),
    traces: createTraces({ now: () => clock.now(), catalog, capacity, spotPrices }),
    delays: { launchLatencyMs: new Map(), visibilityDelayMs: new Map() },
    interruptionsPerHour,
  };
}

function createView(elements: Elements): World {
  const { seed, clock, catalog, machines, spotPrices, quotas, capacity, delays, interruptionsPerHour } = elements;
  const { reservations, parts, outages, traces } = elements;
  const stores = new Map<string, Map<string, unknown>>();

  function price(pool: WorldPool): MicroUsdPerHour | null {
    if (!catalog.isSold(pool)) return null;
    traces.settle();
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
    reservations,
    price,
    latencyMs: (pool: WorldPool) =>
      delays.launchLatencyMs.get(pool.cloud) ?? catalog.facts(pool.cloud).behaviour.launchLatencyMs,
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
    spotHistory(pool, from, to) {
      traces.settle();
      return spotPrices.history(pool, from, to);
    },
    quotas: (cloud, region) => quotas.states(cloud, region),
    freeOf(pool) {
      traces.settle();
      return capacity.freeOf(pool);
    },
    launch: (request) => launchMachines(launching, request),
    machine: (serial) => machines.get(serial),
    machines: (cloud) => machines.list(cloud),
    stateOf: (machine) => machines.stateOf(machine),
    terminate: (serial) => machines.stop(serial),
    forget: (serial) => machines.forget(serial),
    tag: (serial, tags) => machines.tag(serial, tags),
    visibleAt: (machine) => machine.launchedAt + lagOf(delays, machine.pool.cloud),
    shownStateOf(machine) {
      const current = machines.get(machine.serial);
      const at = clock.now() - lagOf(delays, machine.pool.cloud);
      if (machine.launchedAt > at) return null;
      return current === null ? 'terminated' : stateAt(current, at);
    },
    reservations: (cloud) => reservations.list(cloud),
    freeInReservation: (cloud, id) => reservations.freeIn(cloud, id),
    addReservation: (reservation) => reservations.add(reservation),
    addPart: (part) => parts.add(part),
    parts: (cloud) => parts.list(cloud),
    isInUse: (part) => parts.isInUse(part),
    removePart: (serial) => parts.remove(serial),
    isDown: (cloud, region) => outages.isDown(cloud, region),
    isDenied: (cloud, permission) => outages.isDenied(cloud, permission),
    store<V>(cloud: CloudId, name: string): Map<string, V> {
      const key = `${cloud}/${name}`;
      const store = stores.get(key) ?? new Map<string, unknown>();
      stores.set(key, store);
      // The front that names a store is the only one to put values into it.
      return store as Map<string, V>;
    },
  };
}

function lagOf(delays: Delays, cloud: CloudId): number {
  return delays.visibilityDelayMs.get(cloud) ?? 0;
}

function checkRegion(catalog: Catalog, cloud: CloudId, region: string | null): void {
  const known = catalog.facts(cloud).regions.map(({ name }) => name);
  if (region !== null && !known.includes(region))
    throw new RangeError(`${cloud} has no region called ${region}; there are ${known.join(', ')}`);
}

function checkedDelay(ms: number): number {
  if (!(Number.isFinite(ms) && ms >= 0)) throw new RangeError(`a delay must be ≥ 0 ms, not ${ms}`);
  return ms;
}

function createControl(elements: Elements): WorldControl {
  const { clock, catalog, machines, spotPrices, quotas, capacity, faults, delays } = elements;
  const { reservations, parts, outages, rateLimits, traces } = elements;
  return {
    setFree(pattern, free) {
      traces.settle();
      const pools = catalog.poolsMatching(pattern);
      capacity.setFree(pools, free);
      return pools.length;
    },
    freeOf(pool) {
      traces.settle();
      return capacity.freeOf(pool);
    },
    setQuotaLimit: (cloud, region, quota, limit) => quotas.setLimit(cloud, region, quota, limit),
    setSpotPrice(pattern, priceMicroUsdPerHour) {
      if (priceMicroUsdPerHour !== null && !(Number.isSafeInteger(priceMicroUsdPerHour) && priceMicroUsdPerHour > 0))
        throw new RangeError(`a price is a whole number of micro-dollars above 0, not ${priceMicroUsdPerHour}`);
      traces.settle();
      const pools = catalog.poolsMatching({ ...pattern, market: 'spot' });
      spotPrices.override(pools, clock.now(), priceMicroUsdPerHour);
    },
    interrupt: (serial) => machines.notify(serial),
    lose: (serial) => machines.lose(serial),
    setVisibilityDelayMs(cloud, delayMs) {
      delays.visibilityDelayMs.set(cloud, checkedDelay(delayMs));
    },
    setLaunchLatencyMs(cloud, latencyMs) {
      delays.launchLatencyMs.set(cloud, checkedDelay(latencyMs));
    },
    setOutage(cloud, region, isDown) {
      checkRegion(catalog, cloud, region);
      outages.set(cloud, region, isDown);
    },
    setRateLimit: (cloud, bucket, limit) => rateLimits.set(cloud, bucket, limit),
    setDenied: (cloud, permissions) => outages.setDenied(cloud, permissions),
    addReservation: (reservation) => reservations.add(reservation),
    removeReservation: (cloud, id) => reservations.remove(cloud, id),
    setStrandsParts: (cloud, strands) => parts.setStrands(cloud, strands),
    replay: (trace) => traces.start(trace),
    addFault: (fault) => faults.add(fault),
    removeFault: (id) => faults.remove(id),
    faults: () => faults.list(),
  };
}
