import { createHash } from 'node:crypto';
import { type Pool, poolKey } from '../../src/domain/pool.ts';
import { poolScope } from '../../src/domain/sold-out.ts';
import type { LaunchFailure, World, WorldMachine, WorldPool } from '../../src/emulators/world/contract.ts';
import type { CloudId } from '../../src/emulators/world/market-facts.ts';
import {
  type Capabilities,
  type Instance,
  type InstanceRef,
  type LaunchRequest,
  type LaunchResult,
  ProviderError,
  type ProviderErrorKind,
  type Refusal,
} from '../../src/providers/provider.ts';

export const OWNER_TAG = 'gpu-broker-owner';
export const ATTEMPT_TAG = 'gpu-broker-attempt';
const REQUEST_TAG = 'gpu-broker-request';

/** How the clouds differ where it matters to the broker; what they do is in `reference/clouds` and the adapters. */
export interface CloudRules {
  readonly cloud: CloudId;
  readonly capabilities: Capabilities;
  /** `token`: the key names a request; `name`: it names the machine, and is free again once nothing is left of it; `request`: both. */
  readonly identity: 'token' | 'name' | 'request';
  /** Whether a want of capacity shows only after the launch was accepted. */
  readonly capacityAnswer: 'sync' | 'async';
  /** Whether what a failed launch left stays until it is removed. */
  readonly keepsFailedParts: boolean;
}

const COMMON = { markets: ['on-demand', 'spot'], choosesZone: true } as const;

export const CLOUD_RULES: readonly CloudRules[] = [
  {
    cloud: 'aws',
    capabilities: { ...COMMON, spotNoticeSeconds: 120, refusesAsynchronously: false, quotaScopes: ['region'] },
    identity: 'token',
    capacityAnswer: 'sync',
    keepsFailedParts: false,
  },
  {
    cloud: 'azure',
    capabilities: { ...COMMON, spotNoticeSeconds: 30, refusesAsynchronously: true, quotaScopes: ['region'] },
    identity: 'name',
    capacityAnswer: 'async',
    keepsFailedParts: true,
  },
  {
    cloud: 'gcp',
    capabilities: { ...COMMON, spotNoticeSeconds: 30, refusesAsynchronously: true, quotaScopes: ['region', 'global'] },
    identity: 'request',
    capacityAnswer: 'async',
    keepsFailedParts: false,
  },
];

/** What the cloud remembers of a key. */
interface Remembered {
  readonly serial: number;
  readonly fingerprint: string;
  readonly pool: Pool;
}

/** One cloud at its own end: every function here is what happens there when a request arrives. */
export interface CloudEnd {
  readonly rules: CloudRules;
  launch(request: LaunchRequest): LaunchResult;
  get(ref: InstanceRef): Instance | null;
  terminate(ref: InstanceRef): 'terminating' | 'gone';
  /** What a listing of the region shows now. */
  list(owner: string, region: string): readonly Instance[];
}

const LIVING = new Set(['pending', 'running', 'stopping']);

export function createCloudEnd(world: World, rules: CloudRules): CloudEnd {
  const { cloud } = rules;
  const keys = world.store<Remembered>(cloud, 'simulated keys');
  /** Machines whose end was asked for. */
  const ended = world.store<true>(cloud, 'simulated ends');

  function instanceOf(machine: WorldMachine, state: Instance['state']): Instance {
    const failed = state === 'failed' && machine.failure !== null;
    const attempt = machine.tags[ATTEMPT_TAG] ?? '';
    const ref = { region: machine.pool.region, zone: machine.pool.zone, idempotencyKey: attempt, index: 0 };
    return {
      ref: { ...ref, instanceId: instanceIdOf(rules, machine) },
      pool: poolOf(machine.pool),
      state,
      refusal: failed ? refusalOf(poolOf(machine.pool), machine.failure) : null,
      failure: null,
      owner: machine.tags[OWNER_TAG] ?? '',
      tags: machine.tags,
      launchedAt: machine.launchedAt,
    };
  }

  /** As a read shows it: it may lag behind. Null = not (yet) shown. */
  function shown(machine: WorldMachine): Instance | null {
    const state = world.shownStateOf(machine);
    if (state === null) return null;
    return instanceOf(machine, state === 'terminated' ? 'gone' : state);
  }

  function accepted(serial: number, request: LaunchRequest): LaunchResult {
    const machine = world.machine(serial);
    const ref = {
      region: request.pool.region,
      zone: request.pool.zone,
      idempotencyKey: request.idempotencyKey,
      index: 0,
    };
    const ended: Instance = {
      ref: { ...ref, instanceId: null },
      ...{ pool: request.pool, state: 'gone', refusal: null, failure: null, owner: request.owner, tags: request.tags },
      launchedAt: null,
    };
    const state = machine === null ? 'terminated' : world.stateOf(machine);
    const instance = machine === null ? ended : instanceOf(machine, state === 'terminated' ? 'gone' : state);
    return { instances: [instance], refusals: [] };
  }

  /** What an earlier request of this key has come to; null = the cloud knows of none, or has given its name free. */
  function earlier(request: LaunchRequest): LaunchResult | null {
    const known = keys.get(request.idempotencyKey);
    if (known === undefined) return null;
    if (known.fingerprint !== fingerprintOf(request)) throw errorOf(cloud, 'conflict', 'launch', 'KeyReused');
    const machine = world.machine(known.serial);
    const isOver = machine === null || world.stateOf(machine) === 'terminated';
    // A name is free again; whoever asks first (`resend`) is told of the deletion.
    if (rules.identity === 'name' && isOver && !request.resend) return null;
    return accepted(known.serial, request);
  }

  function launch(request: LaunchRequest): LaunchResult {
    const before = earlier(request);
    if (before !== null) return before;
    const pool = worldPoolOf(cloud, request.pool);
    const result = world.launch({
      ...{ pool, count: 1, minCount: 1, maxPriceMicroUsdPerHour: null, capacityAnswer: rules.capacityAnswer },
      names: rules.identity === 'token' ? null : [nameOf(request.idempotencyKey)],
      tags: {
        ...request.tags,
        [OWNER_TAG]: request.owner,
        [ATTEMPT_TAG]: request.idempotencyKey,
        [REQUEST_TAG]: fingerprintOf(request),
      },
      details: { userData: request.userData },
    });
    if (!result.accepted) {
      const refusal = refusalOf(request.pool, result.failure);
      return { instances: [], refusals: [{ count: 1, refusal }] };
    }
    const [machine] = result.machines;
    if (machine === undefined) throw new Error('the world accepted a launch of nothing');
    keys.set(request.idempotencyKey, {
      serial: machine.serial,
      fingerprint: fingerprintOf(request),
      pool: request.pool,
    });
    addParts(machine);
    return accepted(machine.serial, request);
  }

  function addParts(machine: WorldMachine): void {
    const { region, zone } = machine.pool;
    const tags = { [OWNER_TAG]: machine.tags[OWNER_TAG] ?? '', [ATTEMPT_TAG]: machine.tags[ATTEMPT_TAG] ?? '' };
    for (const kind of ['disk', 'network-interface', 'address'] as const) {
      world.addPart({
        ...{ cloud, region, zone, kind, name: `${kind}-${machine.serial}`, machine: machine.serial, tags, details: {} },
        life: rules.keepsFailedParts ? 'with-its-record' : 'with-machine',
      });
    }
  }

  function find(ref: InstanceRef): WorldMachine | null {
    if (ref.instanceId !== null && rules.identity === 'token') {
      return world.machine(Number(ref.instanceId.replace(/^\D+/, '')));
    }
    // By the key, which is written on every machine.
    const mine = world.machines(cloud).filter(({ tags }) => tags[ATTEMPT_TAG] === ref.idempotencyKey);
    return mine.find((machine) => LIVING.has(world.stateOf(machine))) ?? mine.at(-1) ?? null;
  }

  return {
    rules,
    launch,
    get: (ref) => {
      const machine = find(ref);
      return machine === null ? null : shown(machine);
    },
    terminate: (ref) => {
      const machine = find(ref);
      if (machine === null) return 'gone';
      // Whoever has to look it up first finds only what reads show.
      if (ref.instanceId === null && world.shownStateOf(machine) === null) return 'gone';
      const state = world.stateOf(machine);
      if (LIVING.has(state)) {
        world.terminate(machine.serial);
        ended.set(String(machine.serial), true);
        return 'terminating';
      }
      for (const part of world.parts(cloud)) if (part.machine === machine.serial) world.removePart(part.serial);
      if (rules.identity !== 'token') world.forget(machine.serial);
      return 'gone';
    },
    list: (owner, region) =>
      world
        .machines(cloud)
        .filter((machine) => machine.pool.region === region && machine.tags[OWNER_TAG] === owner)
        .map(shown)
        .filter((instance) => instance !== null && instance.state !== 'gone')
        .filter((instance) => instance !== null),
  };
}

export function instanceIdOf(rules: CloudRules, machine: WorldMachine): string {
  return rules.identity === 'token' ? `i-${machine.serial}` : (machine.name ?? `m-${machine.serial}`);
}

export function errorOf(cloud: CloudId, kind: ProviderErrorKind, operation: string, code: string): ProviderError {
  return new ProviderError({ kind, provider: cloud, operation, code, message: code });
}

function nameOf(key: string): string {
  return `b-${key}-0`;
}

function fingerprintOf(request: LaunchRequest): string {
  const { owner, pool, count, tags, userData } = request;
  const text = JSON.stringify([owner, poolKey(pool), count, Object.entries(tags).toSorted(), userData]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

export function poolOf(pool: WorldPool): Pool {
  const { cloud, region, zone, instanceType, market } = pool;
  return { provider: cloud, region, zone, instanceType, market, reservation: null };
}

function worldPoolOf(cloud: CloudId, { region, zone, instanceType, market }: Pool): WorldPool {
  if (zone === null || market === 'reserved') throw errorOf(cloud, 'invalid-request', 'launch', 'NoSuchPool');
  return { cloud, region, zone, instanceType, market };
}

function refusalOf(pool: Pool, failure: LaunchFailure | null): Refusal {
  const scope = poolScope(pool);
  if (failure?.kind === 'quota') {
    const wide = { ...scope, region: failure.scope === 'global' ? null : pool.region, zone: null, instanceType: null };
    const quotaScope = { ...wide, quota: failure.quota };
    return { kind: 'quota', scope: quotaScope, retryAfterSeconds: 300, code: 'QuotaExceeded', message: failure.quota };
  }
  if (failure?.kind === 'not-offered') {
    return { kind: 'restricted', scope, retryAfterSeconds: 3600, code: 'NotOffered', message: 'not sold here' };
  }
  return { kind: 'capacity', scope, retryAfterSeconds: 180, code: 'InsufficientCapacity', message: 'sold out' };
}
