import type { Pool, ProviderId } from '../../src/domain/pool.ts';
import { startClouds } from '../../src/emulators/clouds.ts';
import { createManualClock, type ManualClock } from '../../src/emulators/world/clocks.ts';
import type { WorldMachine, WorldPart, WorldPool } from '../../src/emulators/world/contract.ts';
import type { PoolPattern, RunningClouds } from '../../src/emulators/world/control-contract.ts';
import type { CloudId, WorldMarket } from '../../src/emulators/world/market-facts.ts';
import type {
  Call,
  InstanceRef,
  InterruptionKind,
  LaunchRequest,
  Provider,
  ProviderSettings,
} from '../../src/providers/provider.ts';
import { loadProvider } from '../../src/providers/registry.ts';

/** What the suite must know of a cloud before it can hold its adapter to the contract. */
export interface SubjectFacts {
  readonly cloud: CloudId;
  /** Regions to configure; both sell `instanceType` in both markets. */
  readonly regions: readonly [string, string];
  readonly instanceType: string;
  /** Sold in the same zones. */
  readonly otherInstanceType: string;
  /** Glob over the request log's operations: what starts machines. */
  readonly launchOperation: string;
  /** The same for what ends them. */
  readonly terminateOperation: string;
  /** Whether a launch that failed leaves a machine to be removed (Azure), or vanishes by itself. */
  readonly failedMachinesRemain: boolean;
  /** How many machines one page of the list that `listOwned` reads holds at most. */
  readonly machinesPerPage: number;
  /** An id that the cloud could give a reservation; default `reservation-1`. */
  readonly reservationId?: string;
  /** How the loss of a spot machine is told at the latest; default `notice`. */
  readonly noticeKind?: InterruptionKind;
  /** The adapter's own settings. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Share by which an offer's price may miss the world's; 0 where the cloud's price list names each machine's price. */
  readonly priceTolerance: number;
  /** How the official SDK names itself; where there is none, how the adapter does. */
  readonly sdkUserAgent: RegExp;
}

/** An adapter with the real SDK, and the emulated cloud that it talks to over HTTP. */
export interface Subject {
  readonly facts: SubjectFacts;
  readonly provider: Provider;
  readonly clouds: RunningClouds;
  readonly clock: ManualClock;
  /** A fresh adapter on the same clouds: what a restart leaves. */
  createAnother(): Promise<Provider>;
  /** A buyable on-demand pool of the first region, or of the region named; without a zone where the cloud chooses it. */
  aPool(region?: string): Pool;
  aSpotPool(region?: string): Pool;
  close(): Promise<void>;
}

export const OWNER = 'conformance';
export const LAUNCH_LATENCY_MS = 2_000;
/** Longer than any machine takes to start, stop or fail. */
export const LONG_MS = 120_000;

const STARTED_AT = Date.UTC(2026, 9, 5, 8, 30);

export async function createSubject(facts: SubjectFacts): Promise<Subject> {
  const clock = createManualClock(STARTED_AT);
  const clouds = await startClouds({ seed: 7, clock, clouds: [facts.cloud] });
  clouds.control.setFree(everyPool(facts.cloud), 40);
  clouds.control.setLaunchLatencyMs(facts.cloud, LAUNCH_LATENCY_MS);
  const opened: Provider[] = [];

  async function createAnother(): Promise<Provider> {
    const settings: ProviderSettings = {
      regions: facts.regions,
      endpoints: clouds.endpoints[facts.cloud],
      certificateAuthority: clouds.certificateAuthority,
      credentials: 'emulated',
      options: facts.options,
      clock,
    };
    const provider = await loadProvider(facts.cloud, settings);
    opened.push(provider);
    return provider;
  }

  const provider = await createAnother();

  function poolOf(region: string, market: WorldMarket): Pool {
    const zone = clouds.world.zonesOffering(facts.cloud, region, facts.instanceType)[0];
    if (zone === undefined) throw new Error(`${facts.cloud} sells no ${facts.instanceType} in ${region}`);
    return domainPoolOf({ provider }, { cloud: facts.cloud, region, zone, instanceType: facts.instanceType, market });
  }

  return {
    facts,
    provider,
    clouds,
    clock,
    createAnother,
    aPool: (region = facts.regions[0]) => poolOf(region, 'on-demand'),
    aSpotPool: (region = facts.regions[0]) => poolOf(region, 'spot'),
    async close() {
      await Promise.all(opened.map((provider) => provider.close()));
      await clouds.close();
    },
  };
}

/** No call of the suite may take longer; whatever waits for the clouds' clock would never end. */
export function call(): Call {
  return { signal: AbortSignal.timeout(20_000) };
}

export function launchRequest(pool: Pool, changes: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    owner: OWNER,
    idempotencyKey: '01k8attempt',
    resend: false,
    pool,
    // It only chooses the image.
    accelerator: 'L4',
    count: 1,
    tags: { workload: 'train-7', team: 'research' },
    userData: null,
    ...changes,
  };
}

/** The name of a machine whose launch was never answered. */
export function keyOnlyRef(request: LaunchRequest, index = 0): InstanceRef {
  const { pool, idempotencyKey } = request;
  return { region: pool.region, zone: pool.zone, idempotencyKey, index, instanceId: null };
}

export function everyPool(cloud: CloudId): PoolPattern {
  return { cloud, region: null, zone: null, instanceType: null, accelerator: null, market: null };
}

export function patternOf(cloud: CloudId, pool: Pool): PoolPattern {
  const { region, zone, instanceType, market } = pool;
  return { cloud, region, zone, instanceType, accelerator: null, market: market === 'reserved' ? null : market };
}

/** The world's pools all have a zone: where the cloud chooses, the only one of the region, named like it. */
export function worldPoolOf(cloud: CloudId, pool: Pool): WorldPool {
  const { region, zone, instanceType, market } = pool;
  if (market === 'reserved') throw new Error('not a pool of the world');
  return { cloud, region, zone: zone ?? region, instanceType, market };
}

/** As the adapter names it: without a zone where the cloud chooses. */
export function domainPoolOf(
  { provider }: Pick<Subject, 'provider'>,
  pool: WorldPool,
): Pool & { readonly provider: ProviderId } {
  const { cloud, region, instanceType, market } = pool;
  const zone = provider.capabilities.choosesZone ? pool.zone : null;
  return { provider: cloud, region, zone, instanceType, market, reservation: null };
}

/** What runs, starts or stops at the cloud, whoever asked for it. */
export function livingMachines(subject: Subject): readonly WorldMachine[] {
  const { world } = subject.clouds;
  return world
    .machines(subject.facts.cloud)
    .filter((machine) => ['pending', 'running', 'stopping'].includes(world.stateOf(machine)));
}

/** Parts that exist at the cloud without a machine that uses them. */
export function everythingLeft(subject: Subject): readonly WorldPart[] {
  const { world } = subject.clouds;
  return world.parts(subject.facts.cloud).filter((part) => !world.isInUse(part));
}

/** Terminates as the broker does: again and again until the cloud says `gone`. Returns the answers. */
export async function endMachine(
  subject: Subject,
  ref: InstanceRef,
  provider: Provider = subject.provider,
): Promise<readonly string[]> {
  const answers: string[] = [];
  while (answers.at(-1) !== 'gone' && answers.length < 10) {
    answers.push(await provider.terminate(ref, call()));
    await subject.clock.advance(LONG_MS);
  }
  return answers;
}

/** Makes the requests that match fail until the fault is removed, or `remaining` times. */
export function addFault(
  subject: Subject,
  kind: Parameters<RunningClouds['control']['addFault']>[0]['kind'],
  where: {
    readonly operation?: string;
    readonly region?: string;
    readonly skip?: number;
    readonly remaining?: number;
    readonly probability?: number;
  },
): void {
  subject.clouds.control.addFault({
    id: `fault-${kind}`,
    cloud: subject.facts.cloud,
    operation: where.operation ?? null,
    region: where.region ?? null,
    kind,
    delayMs: 3_600_000,
    skip: where.skip ?? 0,
    remaining: where.remaining ?? null,
    probability: where.probability ?? 1,
  });
}
