import type { Offer, Quota } from '../../src/domain/offer.ts';
import type { World, WorldMachine, WorldPart } from '../../src/emulators/world/contract.ts';
import type { CloudId, InstanceTypeFact, WorldMarket } from '../../src/emulators/world/market-facts.ts';
import type {
  Call,
  InterruptionNotice,
  InterruptionPage,
  Leftover,
  Provider,
  RegionOutcome,
} from '../../src/providers/provider.ts';
import { ATTEMPT_TAG, type CloudEnd, errorOf, instanceIdOf, OWNER_TAG } from './cloud.ts';
import type { Network } from './network.ts';
import type { BrokerProcess } from './process.ts';

/** What the judge is told of, before it happens. */
export interface LaunchWitness {
  beforeLaunch(cloud: CloudId, key: string): Promise<void>;
}

export interface ProviderParts {
  readonly world: World;
  readonly end: CloudEnd;
  readonly network: Network;
  readonly process: BrokerProcess;
  readonly witness: LaunchWitness;
}

const MARKETS: readonly WorldMarket[] = ['on-demand', 'spot'];
/** What the script of the relay is does not matter here: the simulation plays it. */
const RELAY = { script: '# simulated\n' };

/** The provider contract over one cloud of the simulated world, as one broker process uses it. No sockets: the wire has its own tests. */
export function createSimulatedProvider(parts: ProviderParts): Provider {
  const { world, end, network, process } = parts;
  const { cloud, capabilities } = end.rules;
  const from = { process, cloud };

  /** Asks each region for itself, so that one that is down leaves the others whole. */
  async function perRegion<T>(
    operation: string,
    regions: readonly string[],
    call: Call,
    read: (region: string) => readonly T[],
  ): Promise<{ readonly items: readonly T[]; readonly regions: readonly RegionOutcome[] }> {
    return network.send({
      ...{ ...from, operation, region: null, mutating: false, call, what: regions.join(' ') },
      carryOut: (partial) => {
        const up = regions.filter((region) => !world.isDown(cloud, region));
        const items = up.flatMap((region) => read(region).filter((_, index) => !partial || index % 2 === 1));
        const outcomes = regions.map((region): RegionOutcome => {
          if (!up.includes(region))
            return { region, complete: false, error: errorOf(cloud, 'unavailable', operation, 'RegionDown') };
          return { region, complete: !partial, error: null };
        });
        return { items, regions: outcomes };
      },
    });
  }

  return {
    contract: 1,
    id: cloud,
    capabilities,
    listOffers: async ({ regions }, call) => {
      const { items, regions: outcomes } = await perRegion('listOffers', regions, call, (region) =>
        offersOf(world, cloud, region),
      );
      return { offers: items, quarantined: [], regions: outcomes };
    },
    listQuotas: async ({ regions }, call) => {
      const { items, regions: outcomes } = await perRegion('listQuotas', regions, call, (region) =>
        quotasOf(world, cloud, region),
      );
      const global = capabilities.quotaScopes.includes('global') ? quotasOf(world, cloud, null) : [];
      return { quotas: [...items, ...global], regions: outcomes };
    },
    launch: (request, call) =>
      network.send({
        ...{ ...from, operation: 'launch', region: request.pool.region, mutating: true, call },
        what: `${request.idempotencyKey} ${request.pool.zone} ${request.pool.instanceType} ${request.pool.market}${request.resend ? ' again' : ''}`,
        before: () => parts.witness.beforeLaunch(cloud, request.idempotencyKey),
        carryOut: () => end.launch(request),
      }),
    getInstance: (ref, call) =>
      network.send({
        ...{ ...from, operation: 'getInstance', region: ref.region, mutating: false, call, what: ref.idempotencyKey },
        carryOut: () => end.get(ref),
      }),
    listOwned: async ({ owner, regions }, call) => {
      const { items, regions: outcomes } = await perRegion('listOwned', regions, call, (region) =>
        end.list(owner, region),
      );
      return { instances: items, regions: outcomes };
    },
    terminate: (ref, call) =>
      network.send({
        ...{ ...from, operation: 'terminate', region: ref.region, mutating: true, call, what: ref.idempotencyKey },
        carryOut: () => end.terminate(ref),
      }),
    listLeftovers: async ({ owner, regions }, call) => {
      const { items, regions: outcomes } = await perRegion('listLeftovers', regions, call, (region) =>
        leftoversOf(world, cloud, owner, region),
      );
      return { leftovers: items, regions: outcomes };
    },
    removeLeftover: (leftover, call) =>
      network.send({
        ...{ ...from, operation: 'removeLeftover', region: leftover.region, mutating: true, call, what: leftover.id },
        carryOut: () => {
          const part = world.parts(cloud).find(({ name }) => name === leftover.id);
          if (part === undefined) return 'gone';
          if (world.isInUse(part)) throw errorOf(cloud, 'conflict', 'removeLeftover', 'InUse');
          world.removePart(part.serial);
          return 'gone';
        },
      }),
    checkAccess: async () => [],
    ...(cloud === 'azure'
      ? { noticeRelay: RELAY }
      : {
          pollInterruptions: (cursor: string | null, call: Call) =>
            network.send({
              ...{
                ...from,
                operation: 'pollInterruptions',
                region: null,
                mutating: false,
                call,
                what: cursor ?? 'new',
              },
              carryOut: () => noticesOf(world, end, cursor),
            }),
        }),
    close: async () => {},
  };
}

function offersOf(world: World, cloud: CloudId, region: string): readonly Offer[] {
  return world
    .facts(cloud)
    .instanceTypes.flatMap((type) =>
      world
        .zonesOffering(cloud, region, type.name)
        .flatMap((zone) => MARKETS.flatMap((market) => offerOf(world, cloud, { region, zone, market }, type))),
    );
}

function offerOf(
  world: World,
  cloud: CloudId,
  where: { readonly region: string; readonly zone: string; readonly market: WorldMarket },
  type: InstanceTypeFact,
): readonly Offer[] {
  const { region, zone, market } = where;
  const price = world.price({ cloud, region, zone, instanceType: type.name, market });
  if (price === null) return [];
  return [
    {
      pool: { provider: cloud, region, zone, instanceType: type.name, market, reservation: null },
      zonePhysicalId: null,
      accelerator: type.accelerator,
      acceleratorCount: type.acceleratorCount,
      vcpuCount: type.vcpus,
      memoryGiB: type.memoryGiB,
      architecture: type.architecture,
      priceMicroUsdPerHour: price,
      availability: 'available',
      availableCount: null,
      quotaClaims: type.quotaClaims[market],
      interruptionsPerHour: market === 'spot' ? 0.05 : 0,
      observedAt: world.clock.now(),
    },
  ];
}

function quotasOf(world: World, cloud: CloudId, region: string | null): readonly Quota[] {
  const claimed = new Set(
    world
      .facts(cloud)
      .instanceTypes.flatMap(({ quotaClaims }) =>
        MARKETS.flatMap((market) => quotaClaims[market].map(({ quota }) => quota)),
      ),
  );
  return world
    .quotas(cloud, region)
    .filter(({ fact }) => claimed.has(fact.name))
    .map(({ fact, limit, usage }) => ({ provider: cloud, region, name: fact.name, unit: fact.unit, limit, usage }));
}

function leftoversOf(world: World, cloud: CloudId, owner: string, region: string): readonly Leftover[] {
  return world
    .parts(cloud)
    .filter((part) => part.region === region && part.tags[OWNER_TAG] === owner && !world.isInUse(part))
    .map((part: WorldPart) => ({
      ...{ kind: part.kind, region, zone: part.zone, id: part.name, owner },
      idempotencyKey: part.tags[ATTEMPT_TAG] ?? null,
      createdAt: part.createdAt,
    }));
}

/** How long a delivered notice waits for its acknowledgement before it is delivered again. */
const HIDDEN_MS = 30_000;
const ENDED = new Set(['stopping', 'terminated']);

/**
 * At least once: what is not acknowledged by the next cursor comes again. The first cloud tells of a notice, and of machines that it took; the
 * one whose machines have a request of their own tells of both by the same list.
 */
function noticesOf(world: World, end: CloudEnd, cursor: string | null): InterruptionPage {
  const { cloud } = end.rules;
  const told = world.store<true>(cloud, 'acknowledged notices');
  const hidden = world.store<number>(cloud, 'hidden notices');
  const now = world.clock.now();
  const acknowledged: unknown = cursor === null ? [] : JSON.parse(cursor);
  if (Array.isArray(acknowledged)) for (const key of acknowledged) told.set(String(key), true);
  const notices: InterruptionNotice[] = [];
  const keys: string[] = [];
  for (const machine of world.machines(cloud)) {
    for (const { key, notice } of tidingsOf(world, end, machine)) {
      if (told.has(key) || (hidden.get(key) ?? 0) > now) continue;
      hidden.set(key, now + HIDDEN_MS);
      notices.push(notice);
      keys.push(key);
    }
  }
  return { notices, cursor: keys.length === 0 ? '[]' : JSON.stringify(keys), error: null };
}

function tidingsOf(world: World, { rules }: CloudEnd, machine: WorldMachine) {
  const common = { region: machine.pool.region, instanceId: instanceIdOf(rules, machine), message: 'simulated' };
  const tidings: { readonly key: string; readonly notice: InterruptionNotice }[] = [];
  if (machine.noticeAt !== null) {
    const deadlineAt = machine.noticeAt + (rules.capabilities.spotNoticeSeconds ?? 0) * 1000;
    const notice: InterruptionNotice = { ...common, kind: 'notice', at: machine.noticeAt, deadlineAt };
    tidings.push({ key: `${machine.serial}/notice`, notice });
  }
  const isTaken = machine.endedBy === 'interruption' || machine.endedBy === 'loss';
  if (isTaken && ENDED.has(world.stateOf(machine))) {
    const at = machine.stoppingAt ?? world.clock.now();
    tidings.push({ key: `${machine.serial}/taken`, notice: { ...common, kind: 'taken', at, deadlineAt: at } });
  }
  return tidings;
}
