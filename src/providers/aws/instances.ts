/** Machines as EC2 describes them, in the contract's words. */
import type { EC2Client, Instance as Ec2Instance, Filter, InstanceStateName, Tag } from '@aws-sdk/client-ec2';
import { DescribeInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import type { Market } from '../../domain/pool.ts';
import type { Call, Instance, InstanceRef, InstanceState, OwnedQuery, OwnedSnapshot } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { ask, PROVIDER_ID, requirePart } from './errors.ts';
import { pagesOf } from './pages.ts';
import { askRegions } from './regions.ts';

export const OWNER_TAG = 'gpu-broker-owner';
/** The attempt's idempotency key. */
export const ATTEMPT_TAG = 'gpu-broker-attempt';

const STATES: Readonly<Record<InstanceStateName, InstanceState>> = {
  pending: 'pending',
  running: 'running',
  'shutting-down': 'stopping',
  stopping: 'stopping',
  // Stopped by someone behind our back: it will not come up again by itself, and its disk goes on costing.
  stopped: 'failed',
  terminated: 'gone',
};
/** What EC2 allows. */
export const LARGEST_PAGE = 1000;
const NOT_GONE: InstanceStateName[] = ['pending', 'running', 'shutting-down', 'stopping', 'stopped'];

/** Every instance that the filters let through, all pages of them. */
export async function describeAll(
  client: EC2Client,
  filters: Filter[],
  pageSize: number,
  call: Call,
): Promise<readonly Ec2Instance[]> {
  const attempted = { operation: 'DescribeInstances', mutating: false };
  const instances: Ec2Instance[] = [];
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(new DescribeInstancesCommand({ Filters: filters, MaxResults: pageSize, ...more }), options),
  );
  for await (const page of pages) {
    const reservations = requirePart(page.Reservations, attempted, 'Reservations');
    instances.push(...reservations.flatMap((reservation) => reservation.Instances ?? []));
  }
  return instances;
}

/** The machines of one attempt, by its token; ended ones too, as long as EC2 lists them (about an hour). */
export async function findByToken(
  client: EC2Client,
  region: string,
  idempotencyKey: string,
  call: Call,
): Promise<readonly Instance[]> {
  const found = await describeAll(client, [{ Name: 'client-token', Values: [idempotencyKey] }], LARGEST_PAGE, call);
  return found.map((instance) => toInstance(region, instance));
}

export async function getInstance(clients: Clients, ref: InstanceRef, call: Call): Promise<Instance | null> {
  const client = clients.ec2(ref.region);
  if (ref.instanceId === null) {
    const instances = await findByToken(client, ref.region, ref.idempotencyKey, call);
    return instances.find((instance) => instance.ref.index === ref.index) ?? null;
  }
  const { instanceId } = ref;
  const attempted = { operation: 'DescribeInstances', mutating: false };
  try {
    const answer = await ask(attempted, call, (options) =>
      client.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }), options),
    );
    const reservations = requirePart(answer.Reservations, attempted, 'Reservations');
    const [instance] = reservations.flatMap((reservation) => reservation.Instances ?? []);
    return instance === undefined ? null : toInstance(ref.region, instance);
  } catch (error) {
    if (isUnknownInstance(error)) return null;
    throw error;
  }
}

export async function terminate(clients: Clients, ref: InstanceRef, call: Call): Promise<'terminating' | 'gone'> {
  const instanceId = ref.instanceId ?? (await getInstance(clients, ref, call))?.ref.instanceId ?? null;
  if (instanceId === null) return 'gone';
  const attempted = { operation: 'TerminateInstances', mutating: true };
  try {
    // One id to a call: a single unknown one would fail the whole batch. Disks go with the machine (see launch.ts).
    const answer = await ask(attempted, call, (options) =>
      clients.ec2(ref.region).send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }), options),
    );
    const [change] = requirePart(answer.TerminatingInstances, attempted, 'TerminatingInstances');
    return change?.CurrentState?.Name === 'terminated' ? 'gone' : 'terminating';
  } catch (error) {
    if (isUnknownInstance(error)) return 'gone';
    throw error;
  }
}

function isUnknownInstance(error: unknown): boolean {
  return error instanceof ProviderError && error.code === 'InvalidInstanceID.NotFound';
}

export async function listOwned(
  clients: Clients,
  configured: readonly string[],
  pageSize: number,
  query: OwnedQuery,
  call: Call,
): Promise<OwnedSnapshot> {
  const filters: Filter[] = [
    { Name: `tag:${OWNER_TAG}`, Values: [query.owner] },
    { Name: 'instance-state-name', Values: [...NOT_GONE] },
  ];
  const { results, regions } = await askRegions(query.regions, configured, call, async (region) => {
    const instances = await describeAll(clients.ec2(region), filters, pageSize, call);
    return instances.map((instance) => toInstance(region, instance));
  });
  return { instances: results.flat(), regions };
}

export function toInstance(region: string, instance: Ec2Instance): Instance {
  const { [OWNER_TAG]: owner = '', [ATTEMPT_TAG]: attempt = '', ...tags } = tagsOf(instance.Tags);
  const zone = instance.Placement?.AvailabilityZone ?? null;
  const name = instance.State?.Name;
  return {
    ref: {
      region,
      zone,
      idempotencyKey: attempt === '' ? (instance.ClientToken ?? '') : attempt,
      // EC2 numbers the machines of one launch: tags cannot differ between them.
      index: instance.AmiLaunchIndex ?? 0,
      instanceId: instance.InstanceId ?? null,
    },
    pool: {
      provider: PROVIDER_ID,
      region,
      zone,
      instanceType: instance.InstanceType ?? '',
      market: marketOf(instance),
      reservation: instance.CapacityReservationId ?? null,
    },
    // A machine in a state that we do not know exists all the same.
    state: name === undefined ? 'pending' : (STATES[name] ?? 'pending'),
    // EC2 refuses at once or not at all.
    refusal: null,
    failure: name === 'stopped' ? (instance.StateReason?.Message ?? 'stopped from outside the broker') : null,
    owner,
    tags,
    launchedAt: instance.LaunchTime?.getTime() ?? null,
  };
}

export function marketOf(instance: Ec2Instance): Market {
  if (instance.InstanceLifecycle === 'spot') return 'spot';
  return instance.CapacityReservationId === undefined ? 'on-demand' : 'reserved';
}

/** Without AWS's own (`aws:…`). */
export function tagsOf(tags: readonly Tag[] | undefined): Record<string, string> {
  return Object.fromEntries(
    (tags ?? []).flatMap(({ Key: key, Value: value }) =>
      key === undefined || key.startsWith('aws:') ? [] : [[key, value ?? '']],
    ),
  );
}
