/** Lambda's instances as the contract's machines. One list holds those of all regions, without pages. */
import type { Pool } from '../../domain/pool.ts';
import { type Call, type Instance, type InstanceRef, type InstanceState, ProviderError } from '../provider.ts';
import type { Api } from './api.ts';
import { OBJECT_DOES_NOT_EXIST } from './error-codes.ts';
import { type Identity, identityOf } from './identity.ts';
import { PROVIDER_ID } from './names.ts';
import * as wire from './wire.ts';

/** A machine of the account that a broker made. */
export interface Machine {
  readonly id: string;
  readonly identity: Identity;
  readonly instance: Instance;
}

/**
 * `unhealthy` is a machine that has not passed its health checks, or does so no more: it exists and is not known to run. `preempted` is
 * in the reference's list, though nothing that Lambda sells is.
 */
const STATES: ReadonlyMap<string, InstanceState> = new Map([
  ['booting', 'pending'],
  ['active', 'running'],
  ['unhealthy', 'pending'],
  ['terminating', 'stopping'],
  ['terminated', 'gone'],
  ['preempted', 'gone'],
]);

/** A status that the reference does not have is a machine that may cost money: `pending`, until someone ends it. */
function stateOf(status: string): InstanceState {
  return STATES.get(status) ?? 'pending';
}

export function poolOf(region: string, instanceType: string): Pool {
  return { provider: PROVIDER_ID, region, zone: null, instanceType, market: 'on-demand', reservation: null };
}

export function instanceOf(id: string, pool: Pool, identity: Identity, state: InstanceState): Instance {
  const { owner, idempotencyKey, index, launchedAt, tags } = identity;
  const ref = { region: pool.region, zone: null, idempotencyKey, index, instanceId: id };
  return { ref, pool, state, refusal: null, failure: null, owner, tags, launchedAt };
}

function machineOf({ id, status, region, instance_type, tags }: wire.WireInstance): Machine | null {
  const identity = identityOf(tags);
  if (identity === null) return null;
  const instance = instanceOf(id, poolOf(region.name, instance_type.name), identity, stateOf(status));
  return { id, identity, instance };
}

/** Every instance of the account, whoever made it. */
export function listInstances(api: Api, call: Call): Promise<readonly wire.WireInstance[]> {
  const request = {
    method: 'GET',
    path: '/api/v1/instances',
    operation: 'listInstances',
    data: wire.instances,
  } as const;
  return api.send(request, call);
}

/** Every machine in the account that a broker made, in the order of their ids. */
export async function listMachines(api: Api, call: Call): Promise<readonly Machine[]> {
  const machines = (await listInstances(api, call)).flatMap((instance) => machineOf(instance) ?? []);
  return machines.toSorted((first, second) => (first.id < second.id ? -1 : 1));
}

/** The machines that a reference means: one by id, and by key all that were started for it. */
export async function findMachines(api: Api, ref: InstanceRef, call: Call): Promise<readonly Machine[]> {
  if (ref.instanceId !== null) {
    const machine = await machineById(api, ref.instanceId, call);
    return machine === null ? [] : [machine];
  }
  const machines = await listMachines(api, call);
  return machines.filter(
    ({ identity }) => identity.idempotencyKey === ref.idempotencyKey && identity.index === ref.index,
  );
}

async function machineById(api: Api, id: string, call: Call): Promise<Machine | null> {
  const path = `/api/v1/instances/${encodeURIComponent(id)}`;
  try {
    return machineOf(await api.send({ method: 'GET', path, operation: 'getInstance', data: wire.instance }, call));
  } catch (error) {
    if (isUnknownInstance(error)) return null;
    throw error;
  }
}

export function isUnknownInstance(error: unknown): boolean {
  return error instanceof ProviderError && error.code === OBJECT_DOES_NOT_EXIST;
}
