import type { ImageReference, VirtualMachine } from '@azure/arm-compute';
import type { Pool } from '../../domain/pool.ts';
import type { LaunchRequest } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { AdapterContext } from './context.ts';
import { partName } from './names.ts';

const NETWORK_API_VERSION = '2022-11-01';
export const ADMIN_USER = 'broker';

/** The request's body. Disk, interface and address are part of it, so that they live and die with the machine. */
export function machineOf(
  context: AdapterContext,
  request: LaunchRequest,
  name: string,
  tags: Readonly<Record<string, string>>,
): VirtualMachine {
  const { settings } = context;
  const { pool } = request;
  return {
    location: pool.region,
    tags: { ...tags },
    ...(pool.zone === null ? {} : { zones: [pool.zone] }),
    ...identityFields(settings.identityIds),
    hardwareProfile: { vmSize: pool.instanceType },
    ...marketFields(pool),
    storageProfile: {
      imageReference: imageOf(context, request),
      // Its tags are the machine's: Azure copies them to a disk that comes with a machine.
      osDisk: {
        name: partName(name, 'disk'),
        createOption: 'FromImage',
        deleteOption: 'Delete',
        diskSizeGB: settings.diskGiB,
        managedDisk: { storageAccountType: settings.diskType },
      },
    },
    osProfile: loginOf(context, request, name),
    networkProfile: networkOf(context, pool, name, tags),
  };
}

/** Spot: evicted means deleted, so that nothing is left to pay for; a maximum of −1 means "up to the on-demand price". */
function marketFields(
  pool: Pool,
): Pick<VirtualMachine, 'priority' | 'evictionPolicy' | 'billingProfile' | 'capacityReservation'> {
  if (pool.market === 'spot') return { priority: 'Spot', evictionPolicy: 'Delete', billingProfile: { maxPrice: -1 } };
  if (pool.reservation === null) return {};
  return { capacityReservation: { capacityReservationGroup: { id: pool.reservation } } };
}

function identityFields(ids: readonly string[]): Pick<VirtualMachine, 'identity'> {
  if (ids.length === 0) return {};
  return { identity: { type: 'UserAssigned', userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])) } };
}

function loginOf(
  { sshPublicKey }: AdapterContext,
  { userData }: LaunchRequest,
  name: string,
): NonNullable<VirtualMachine['osProfile']> {
  return {
    computerName: name,
    adminUsername: ADMIN_USER,
    ...(userData === null ? {} : { customData: Buffer.from(userData, 'utf8').toString('base64') }),
    linuxConfiguration: {
      disablePasswordAuthentication: true,
      ssh: { publicKeys: [{ path: `/home/${ADMIN_USER}/.ssh/authorized_keys`, keyData: sshPublicKey }] },
    },
  };
}

/** Interface and address do not inherit the machine's tags, and without ours no sweep would find them. */
function networkOf(
  { settings }: AdapterContext,
  { region }: Pool,
  name: string,
  tags: Readonly<Record<string, string>>,
): NonNullable<VirtualMachine['networkProfile']> {
  const securityGroup = settings.securityGroupOf(region);
  const address = {
    name: partName(name, 'address'),
    deleteOption: 'Delete',
    sku: { name: 'Standard' },
    publicIPAllocationMethod: 'Static',
    tags: { ...tags },
  };
  return {
    networkApiVersion: NETWORK_API_VERSION,
    networkInterfaceConfigurations: [
      {
        name: partName(name, 'network-interface'),
        primary: true,
        deleteOption: 'Delete',
        tags: { ...tags },
        ...(securityGroup === null ? {} : { networkSecurityGroup: { id: securityGroup } }),
        ipConfigurations: [
          {
            name: 'primary',
            primary: true,
            subnet: { id: settings.subnetOf(region) },
            ...(settings.publicAddress ? { publicIPAddressConfiguration: address } : {}),
          },
        ],
      },
    ],
  };
}

function imageOf({ settings }: AdapterContext, { pool, accelerator }: LaunchRequest): ImageReference {
  const architecture = /_GB\d+_/i.test(pool.instanceType) ? 'arm64' : 'x86_64';
  const image = settings.imageOf(accelerator, architecture);
  if (image === null)
    throw new ProviderError({
      kind: 'invalid-request',
      provider: 'azure',
      operation: 'virtualMachines.createOrUpdate',
      code: '',
      message: `${pool.instanceType} needs an ${architecture} image: set images.${architecture} or images.byAccelerator.${accelerator}`,
    });
  if (image.startsWith('/')) return { id: image };
  const [publisher = '', offer = '', sku = '', version = ''] = image.split(':');
  return { publisher, offer, sku, version };
}
