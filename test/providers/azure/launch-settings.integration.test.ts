import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MachineBody } from '../../../src/emulators/arm/machine-body.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import type { EmulatedAzure } from './emulated-azure.ts';
import { anyCall, launchRequest, setFree, startEmulatedAzure, T4_POOL } from './emulated-azure.ts';

const SUBSCRIPTION = '/subscriptions/11111111-2222-4333-8444-555555555555';
const SUBNET = `${SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/gpus`;
const SECURITY_GROUP = `${SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/networkSecurityGroups/gpus`;
const IDENTITY = `${SUBSCRIPTION}/resourceGroups/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker`;
const REGION = T4_POOL.region;

let azure: EmulatedAzure;

beforeEach(async () => {
  azure = await startEmulatedAzure();
  setFree(azure, 20);
});

afterEach(async () => {
  await azure.close();
});

/** What ARM got: the front refuses members it does not know, so nothing is lost on the way. */
async function bodyOf(options: Readonly<Record<string, unknown>>, accelerator = 'T4'): Promise<MachineBody> {
  const provider = await azure.adapter({ options });
  await provider.launch(launchRequest({ accelerator }), anyCall());
  return azure.clouds.world.machines('azure').at(-1)?.details['body'] as MachineBody;
}

describe('what a machine is launched with', () => {
  it('by default: image of its architecture, a disk of 128 GiB, no public address, no identity, nobody who can log in', async () => {
    const { identity, properties } = await bodyOf({});
    expect(identity).toBeUndefined();
    expect(properties.storageProfile).toMatchObject({
      imageReference: { publisher: 'microsoft-dsvm', offer: 'ubuntu-hpc', sku: '2204', version: 'latest' },
      osDisk: {
        name: 'b-01attempt-0-os',
        deleteOption: 'Delete',
        diskSizeGB: 128,
        managedDisk: { storageAccountType: 'StandardSSD_LRS' },
      },
    });
    const [nic] = properties.networkProfile.networkInterfaceConfigurations ?? [];
    expect(nic?.name).toBe('b-01attempt-0-nic');
    expect(nic?.properties.networkSecurityGroup).toBeUndefined();
    expect(nic?.properties.ipConfigurations[0]?.properties.publicIPAddressConfiguration).toBeUndefined();
    const keys = properties.osProfile.linuxConfiguration?.ssh?.publicKeys ?? [];
    expect(keys.map(({ keyData }) => keyData.endsWith(' nobody'))).toEqual([true]);
    expect(properties.osProfile.linuxConfiguration?.disablePasswordAuthentication).toBe(true);
  });

  it('as configured: subnet, security group, public address, disk, key, identity, tags', async () => {
    const body = await bodyOf({
      subnetIds: { [REGION]: SUBNET },
      securityGroupIds: { [REGION]: SECURITY_GROUP },
      publicAddress: true,
      diskGiB: 512,
      diskType: 'Premium_LRS',
      sshPublicKey: 'ssh-ed25519 AAAA me',
      identityIds: [IDENTITY],
      tags: { 'cost-center': '42', team: 'platform' },
    });
    const { identity, properties, tags } = body;
    expect(identity).toEqual({ type: 'UserAssigned', userAssignedIdentities: { [IDENTITY]: {} } });
    expect(properties.storageProfile.osDisk).toMatchObject({
      diskSizeGB: 512,
      managedDisk: { storageAccountType: 'Premium_LRS' },
    });
    expect(properties.osProfile.linuxConfiguration?.ssh?.publicKeys[0]?.keyData).toBe('ssh-ed25519 AAAA me');
    const [nic] = properties.networkProfile.networkInterfaceConfigurations ?? [];
    expect(nic?.properties.networkSecurityGroup?.id).toBe(SECURITY_GROUP);
    const address = nic?.properties.ipConfigurations[0]?.properties;
    expect(address?.subnet?.id).toBe(SUBNET);
    expect(address?.publicIPAddressConfiguration).toMatchObject({
      name: 'b-01attempt-0-ip',
      properties: { deleteOption: 'Delete' },
    });
    // The request's own tags win over the configured ones, the broker's over both; all three resources carry them.
    expect(tags).toMatchObject({ 'cost-center': '42', team: 'research', 'gpu-broker-owner': 'broker-a' });
    for (const part of azure.clouds.world.parts('azure')) expect(part.tags).toEqual(tags);
    expect(azure.clouds.world.parts('azure')).toHaveLength(3);
  });

  it('the image follows the accelerator: configured for it, else known for it, else the architecture’s', async () => {
    const rocm = await bodyOf({}, 'MI300X');
    expect(rocm.properties.storageProfile.imageReference).toMatchObject({ sku: '2204-rocm' });
    azure.clouds.control.lose(azure.clouds.world.machines('azure').at(-1)?.serial ?? 0);
    const own = `${SUBSCRIPTION}/resourceGroups/i/providers/Microsoft.Compute/images/mine`;
    const images = { x86_64: 'a:b:c:1', byAccelerator: { MI300X: own } };
    expect((await bodyOf({ images }, 'MI300X')).properties.storageProfile.imageReference).toEqual({ id: own });
    azure.clouds.control.lose(azure.clouds.world.machines('azure').at(-1)?.serial ?? 0);
    expect((await bodyOf({ images }, 'T4')).properties.storageProfile.imageReference).toMatchObject({ publisher: 'a' });
  });

  it('an Arm machine without an image is refused before anything is sent, with the setting to write', async () => {
    const provider = await azure.adapter();
    const pool = { ...T4_POOL, instanceType: 'Standard_ND128isr_NDR_GB200_v6' };
    const error: unknown = await provider
      .launch(launchRequest({ pool, accelerator: 'GB200-186GB' }), anyCall())
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProviderError);
    expect(String(error)).toContain('images.byAccelerator.GB200-186GB');
    expect(azure.clouds.requests()).toEqual([]);
  });
});
