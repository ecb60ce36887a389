import type { Market } from '../../domain/pool.ts';
import type { LaunchRequest } from '../provider.ts';
import { labelsOf, machineName } from './identity.ts';
import { seriesOf, splitInstanceType } from './machine-types.ts';
import type { GcpOptions } from './settings.ts';

/** A pool that this cloud can be asked for. */
export interface Target {
  readonly zone: string;
  readonly market: Market;
  /** Set where `market` is `reserved`. */
  readonly reservation: string | null;
}

export const RESERVATION_KEY = 'compute.googleapis.com/reservation-name';

/** The value of the longest key that the machine type begins with. */
function byPrefix(values: Readonly<Record<string, string>>, machineType: string): string | undefined {
  const [longest] = Object.keys(values)
    .filter((prefix) => machineType.startsWith(`${prefix}-`))
    .toSorted((a, b) => b.length - a.length);
  return values[longest ?? 'default'];
}

function bootDisk(options: GcpOptions, request: LaunchRequest, zone: string, labels: object): object {
  const { machineType } = splitInstanceType(request.pool.instanceType);
  const images: Readonly<Record<string, string>> = options.images;
  const type = byPrefix(options.diskTypes, machineType);
  return {
    boot: true,
    autoDelete: true,
    initializeParams: {
      sourceImage: images[request.accelerator] ?? images[seriesOf(machineType)] ?? options.images.default,
      diskSizeGb: String(options.diskGiB),
      diskType: `zones/${zone}/diskTypes/${type}`,
      // A disk that outlives its machine is found by them.
      labels,
    },
  };
}

/** Machines with GPUs cannot move while they run. */
function scheduling(market: Market): object {
  return {
    onHostMaintenance: 'TERMINATE',
    ...(market === 'spot'
      ? { provisioningModel: 'SPOT', instanceTerminationAction: 'DELETE', automaticRestart: false }
      : { automaticRestart: true }),
  };
}

function metadata({ sshKeys }: GcpOptions, userData: string | null): object {
  const items = [
    ...(userData === null ? [] : [{ key: 'user-data', value: userData }]),
    ...(sshKeys.length === 0 ? [] : [{ key: 'ssh-keys', value: sshKeys.join('\n') }]),
    { key: 'block-project-ssh-keys', value: 'TRUE' },
  ];
  return { items };
}

/** The instance resource of a machine. */
export function instanceBody(options: GcpOptions, request: LaunchRequest, target: Target, index: number): object {
  const { pool, userData } = request;
  const { machineType, attached } = splitInstanceType(pool.instanceType);
  const place = `zones/${target.zone}`;
  const subnetwork = options.subnetworks[pool.region];
  const labels = { ...options.labels, ...labelsOf(request, index) };
  return {
    name: machineName(request.idempotencyKey, index),
    machineType: `${place}/machineTypes/${machineType}`,
    labels,
    ...(attached === null
      ? {}
      : {
          guestAccelerators: [
            { acceleratorType: `${place}/acceleratorTypes/${attached.gpu}`, acceleratorCount: attached.count },
          ],
        }),
    disks: [bootDisk(options, request, target.zone, labels)],
    networkInterfaces: [
      {
        ...(subnetwork === undefined ? { network: options.network } : { subnetwork }),
        ...(options.externalAddress ? { accessConfigs: [{ type: 'ONE_TO_ONE_NAT', name: 'External NAT' }] } : {}),
      },
    ],
    scheduling: scheduling(target.market),
    metadata: metadata(options, userData),
    ...(options.networkTags.length === 0 ? {} : { tags: { items: options.networkTags } }),
    ...(target.reservation === null
      ? {}
      : {
          reservationAffinity: {
            ...{ consumeReservationType: 'SPECIFIC_RESERVATION', key: RESERVATION_KEY },
            values: [target.reservation],
          },
        }),
    ...(options.serviceAccount === null
      ? {}
      : { serviceAccounts: [{ email: options.serviceAccount, scopes: options.serviceAccountScopes }] }),
  };
}
