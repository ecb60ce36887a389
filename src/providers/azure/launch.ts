import { createHash } from 'node:crypto';
import type { ImageReference, VirtualMachine } from '@azure/arm-compute';
import type { Pool } from '../../domain/pool.ts';
import { poolKey } from '../../domain/pool.ts';
import type { Call, Instance, LaunchRequest, LaunchResult, ProviderErrorKind, Refusal } from '../provider.ts';
import { PROVIDER_ERROR_KINDS, ProviderError } from '../provider.ts';
import { answerOf, mapConcurrently } from './calls.ts';
import type { AdapterContext } from './context.ts';
import type { VendorFailure } from './errors.ts';
import { providerErrorOf, refusalOf } from './errors.ts';
import type { MachineAddress } from './instances.ts';
import {
  ATTEMPT_TAG,
  INDEX_TAG,
  instanceIdOf,
  instanceOf,
  machineName,
  OWNER_TAG,
  REQUEST_TAG,
  readMachine,
} from './instances.ts';

const OPERATION = 'virtualMachines.createOrUpdate';
/** Create requests under way at the same time for one launch. */
const LAUNCHES_AT_ONCE = 8;
const NETWORK_API_VERSION = '2022-11-01';
export const ADMIN_USER = 'broker';

type Outcome =
  | { readonly kind: 'instance'; readonly instance: Instance }
  | { readonly kind: 'refusal'; readonly refusal: Refusal }
  | { readonly kind: 'error'; readonly error: ProviderError };

/**
 * Starts machines, each by a create-only PUT under a name made of the key, and returns once ARM has accepted or refused them.
 * The first one goes ahead: what refuses it (quota, restriction, a taken key) would refuse the others, which are then not sent.
 * Throws a ProviderError if any machine's fate is an error, the one that needs the most care first; the same key again adopts
 * the machines that exist.
 */
export async function launch(context: AdapterContext, request: LaunchRequest, call: Call): Promise<LaunchResult> {
  checkRequest(context, request);
  const fingerprint = fingerprintOf(request);
  const first = await launchOne(context, request, 0, fingerprint, call);
  if (first.kind === 'error') throw first.error;
  if (first.kind === 'refusal') return { instances: [], refusals: [{ count: request.count, refusal: first.refusal }] };
  const indexes = Array.from({ length: request.count - 1 }, (_, index) => index + 1);
  const others = await mapConcurrently(indexes, LAUNCHES_AT_ONCE, (index) =>
    launchOne(context, request, index, fingerprint, call),
  );
  const outcomes = [first, ...others];
  const errors = outcomes.flatMap((outcome) => (outcome.kind === 'error' ? [outcome.error] : []));
  const worst = mostPressing(errors);
  if (worst !== null) throw worst;
  return {
    instances: outcomes.flatMap((outcome) => (outcome.kind === 'instance' ? [outcome.instance] : [])),
    refusals: outcomes.flatMap((outcome) =>
      outcome.kind === 'refusal' ? [{ count: 1, refusal: outcome.refusal }] : [],
    ),
  };
}

/** Of the errors of one launch the one to act on: unknown outcomes first, then what is worth repeating with the same key, then what is final. */
export function mostPressing(errors: readonly ProviderError[]): ProviderError | null {
  return errors.toSorted((one, other) => pressure(one.kind) - pressure(other.kind))[0] ?? null;
}

function pressure(kind: ProviderErrorKind): number {
  return kind === 'outcome-unknown' ? -1 : PROVIDER_ERROR_KINDS.indexOf(kind);
}

function checkRequest(context: AdapterContext, request: LaunchRequest): void {
  const { pool, count } = request;
  if (pool.market === 'reserved') throw invalid('reserved capacity is not supported');
  if (!context.settings.regions.includes(pool.region))
    throw invalid(`azure is not configured for the region ${pool.region}`);
  if (!Number.isInteger(count) || count < 1) throw invalid(`count must be a whole number ≥ 1, not ${count}`);
}

function invalid(message: string): ProviderError {
  return new ProviderError({ kind: 'invalid-request', provider: 'azure', operation: OPERATION, code: '', message });
}

/** What makes two requests "the same": everything the caller said. */
function fingerprintOf(request: LaunchRequest): string {
  const tags = Object.entries(request.tags).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const parts = [request.owner, request.idempotencyKey, poolKey(request.pool), request.count, tags, request.userData];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

async function launchOne(
  context: AdapterContext,
  request: LaunchRequest,
  index: number,
  fingerprint: string,
  call: Call,
): Promise<Outcome> {
  const { pool } = request;
  const address: MachineAddress = {
    resourceGroup: context.settings.resourceGroupOf(pool.region),
    name: machineName(request.idempotencyKey, index),
  };
  const tags = {
    ...request.tags,
    [OWNER_TAG]: request.owner,
    [ATTEMPT_TAG]: request.idempotencyKey,
    [INDEX_TAG]: String(index),
    [REQUEST_TAG]: fingerprint,
  };
  const body = machineOf(context, request, address.name, tags);
  const answer = await answerOf(call, async () => {
    const { virtualMachines } = context.clients.compute;
    const poller = virtualMachines.createOrUpdate(address.resourceGroup, address.name, body, {
      ifNoneMatch: '*',
      abortSignal: call.signal,
    });
    await poller.submitted();
  });
  if (answer.ok) return { kind: 'instance', instance: acceptedInstance(context, request, index, address) };
  const { failure } = answer;
  if (nameIsTaken(failure)) return adopted(context, address, fingerprint, failure, call);
  const refusal = refusalOf(failure, pool);
  if (refusal !== null) return { kind: 'refusal', refusal };
  return { kind: 'error', error: providerErrorOf(failure, OPERATION, 'mutation') };
}

function acceptedInstance(
  context: AdapterContext,
  request: LaunchRequest,
  index: number,
  address: MachineAddress,
): Instance {
  const { pool, idempotencyKey } = request;
  const instanceId = instanceIdOf(context.settings.subscriptionId, address);
  return {
    ref: { region: pool.region, zone: pool.zone, idempotencyKey, index, instanceId },
    pool,
    state: 'pending',
    refusal: null,
    failure: null,
    owner: request.owner,
    tags: request.tags,
    // ARM tells when it was created only to those who ask later.
    launchedAt: null,
  };
}

/** ARM answers a create-only PUT on a taken name with 412; a 409 of these codes means the same without saying so. */
function nameIsTaken(failure: VendorFailure): boolean {
  return (
    failure.status === 412 ||
    (failure.status === 409 && /^(Conflict|PropertyChangeNotAllowed|PreconditionFailed)$/i.test(failure.code))
  );
}

/** The machine under our name, if the same request made it; otherwise a conflict. */
async function adopted(
  context: AdapterContext,
  address: MachineAddress,
  fingerprint: string,
  failure: VendorFailure,
  call: Call,
): Promise<Outcome> {
  try {
    const machine = await readMachine(context, address, call);
    if (machine?.tags?.[REQUEST_TAG] === fingerprint)
      return { kind: 'instance', instance: instanceOf(context, machine) };
  } catch (error) {
    // Whether the machine is ours stays open: nothing was started now, so asking again is safe.
    if (error instanceof ProviderError) return { kind: 'error', error };
    throw error;
  }
  const message = `${address.name} exists from another request: ${failure.message}`;
  const { code } = failure;
  const error = new ProviderError({ kind: 'conflict', provider: 'azure', operation: OPERATION, code, message });
  return { kind: 'error', error };
}

/** The network interface is part of the request, so that it lives and dies with the machine, as the disk does. */
function machineOf(
  context: AdapterContext,
  request: LaunchRequest,
  name: string,
  tags: Readonly<Record<string, string>>,
): VirtualMachine {
  const { settings, sshPublicKey } = context;
  const { pool, userData } = request;
  return {
    location: pool.region,
    tags: { ...tags },
    ...(pool.zone === null ? {} : { zones: [pool.zone] }),
    hardwareProfile: { vmSize: pool.instanceType },
    ...marketFields(pool),
    storageProfile: {
      imageReference: imageOf(context, pool),
      osDisk: {
        createOption: 'FromImage',
        deleteOption: 'Delete',
        diskSizeGB: settings.diskGiB,
        managedDisk: { storageAccountType: 'StandardSSD_LRS' },
      },
    },
    osProfile: {
      computerName: name,
      adminUsername: ADMIN_USER,
      ...(userData === null ? {} : { customData: Buffer.from(userData, 'utf8').toString('base64') }),
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: { publicKeys: [{ path: `/home/${ADMIN_USER}/.ssh/authorized_keys`, keyData: sshPublicKey }] },
      },
    },
    networkProfile: {
      networkApiVersion: NETWORK_API_VERSION,
      networkInterfaceConfigurations: [
        {
          name: 'primary',
          primary: true,
          deleteOption: 'Delete',
          ipConfigurations: [{ name: 'primary', primary: true, subnet: { id: settings.subnetOf(pool.region) } }],
        },
      ],
    },
  };
}

/** Spot: evicted means deleted, so that nothing is left to pay for; a maximum of −1 means "up to the on-demand price". */
function marketFields(pool: Pool): Pick<VirtualMachine, 'priority' | 'evictionPolicy' | 'billingProfile'> {
  if (pool.market !== 'spot') return {};
  return { priority: 'Spot', evictionPolicy: 'Delete', billingProfile: { maxPrice: -1 } };
}

function imageOf(context: AdapterContext, pool: Pool): ImageReference {
  const architecture = /_GB\d+_/i.test(pool.instanceType) ? 'arm64' : 'x86_64';
  const image = context.settings.images[architecture];
  if (image === null) throw invalid(`${pool.instanceType} needs an ${architecture} image: set images.${architecture}`);
  if (image.startsWith('/')) return { id: image };
  const [publisher = '', offer = '', sku = '', version = ''] = image.split(':');
  return { publisher, offer, sku, version };
}
