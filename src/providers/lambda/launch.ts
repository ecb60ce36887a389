/**
 * Launching without an idempotency token: the key is written in the machines' tags, and every launch looks for it first. So a key
 * sent again adopts what is there, whoever sent it. Two launches of one key at once wait for each other in this process; two
 * processes, or a list that does not show a machine yet, could still start two: `listOwned` shows both, and `terminate` by key ends both.
 */
import type { Clock } from '../../domain/time.ts';
import {
  type Call,
  type Instance,
  type LaunchRequest,
  type LaunchResult,
  ProviderError,
  type Refusal,
} from '../provider.ts';
import type { Api } from './api.ts';
import { RefusedError, refusalOf } from './errors.ts';
import { fingerprintOf, type Identity, nameOf, tagsFor } from './identity.ts';
import type { Line } from './line.ts';
import { instanceOf, listMachines, type Machine } from './machines.ts';
import { PROVIDER_ID } from './names.ts';
import { type ImageChoice, imageFor, type LambdaOptions } from './settings.ts';
import * as wire from './wire.ts';

const OPERATION = 'launchInstance';

export interface Launcher {
  readonly api: Api;
  readonly options: LambdaOptions;
  readonly clock: Clock;
  readonly line: Line;
}

export function launch(launcher: Launcher, request: LaunchRequest, call: Call): Promise<LaunchResult> {
  return launcher.line.run(request.idempotencyKey, call.signal, () => lookThenLaunch(launcher, request, call));
}

async function lookThenLaunch(launcher: Launcher, request: LaunchRequest, call: Call): Promise<LaunchResult> {
  const image = imageFor(launcher.options, request.accelerator);
  const fingerprint = fingerprintOf(request, image);
  const machines = await listMachines(launcher.api, call);
  const found = machines.filter(({ identity }) => identity.idempotencyKey === request.idempotencyKey);
  checkSame(found, fingerprint);
  checkPool(request);
  return launchMissing({ launcher, request, call, image, fingerprint }, found);
}

/** The same key with another request. */
function checkSame(found: readonly Machine[], fingerprint: string): void {
  const other = found.find(({ identity }) => identity.fingerprint !== fingerprint);
  if (other === undefined) return;
  const message = `machine ${other.id} was started with this key by another request`;
  throw new ProviderError({ kind: 'conflict', provider: PROVIDER_ID, operation: OPERATION, code: '', message });
}

function checkPool({ pool }: LaunchRequest): void {
  if (pool.market === 'on-demand' && pool.zone === null) return;
  const what = pool.market === 'on-demand' ? `zone must be null, not ${pool.zone}` : `market must be on-demand`;
  const message = `pool.${what}: Lambda sells no other`;
  throw new ProviderError({ kind: 'invalid-request', provider: PROVIDER_ID, operation: OPERATION, code: '', message });
}

interface Sending {
  readonly launcher: Launcher;
  readonly request: LaunchRequest;
  readonly call: Call;
  readonly image: ImageChoice | null;
  readonly fingerprint: string;
}

/** A request each, as Lambda starts one machine at a time. What one machine was refused, the rest would be too. */
async function launchMissing(sending: Sending, found: readonly Machine[]): Promise<LaunchResult> {
  const { count } = sending.request;
  const instances: Instance[] = [];
  for (let index = 0; index < count; index += 1) {
    const adopted = found.find(({ identity }) => identity.index === index);
    if (adopted !== undefined) {
      instances.push(adopted.instance);
      continue;
    }
    const outcome = await launchOne(sending, index);
    if ('ref' in outcome) instances.push(outcome);
    else return refusedAt(index, outcome, instances, found, count);
  }
  return { instances, refusals: [] };
}

/** Machines of this key with a higher index may be there already. */
function refusedAt(
  index: number,
  refusal: Refusal,
  started: readonly Instance[],
  found: readonly Machine[],
  count: number,
): LaunchResult {
  const later = found.filter(({ identity }) => identity.index > index).map(({ instance }) => instance);
  const instances = [...started, ...later];
  return { instances, refusals: [{ count: count - instances.length, refusal }] };
}

async function launchOne(sending: Sending, index: number): Promise<Instance | Refusal> {
  const { launcher, request, call, image, fingerprint } = sending;
  const { owner, idempotencyKey, tags, pool, userData } = request;
  const launchedAt = launcher.clock.now();
  const identity: Identity = { owner, idempotencyKey, index, fingerprint, launchedAt, tags };
  const body = {
    region_name: pool.region,
    instance_type_name: pool.instanceType,
    ssh_key_names: [launcher.options.sshKeyName],
    name: nameOf(idempotencyKey, index),
    tags: tagsFor(identity),
    ...(image === null ? {} : { image }),
    ...(userData === null ? {} : { user_data: userData }),
  };
  const path = '/api/v1/instance-operations/launch';
  try {
    const request = { method: 'POST', path, operation: OPERATION, body, data: wire.launched } as const;
    const { instance_ids: ids } = await launcher.api.send(request, call);
    return instanceOf(ids[0] ?? '', pool, identity, 'pending');
  } catch (error) {
    if (error instanceof RefusedError) return refusalOf(error, pool);
    throw error;
  }
}
