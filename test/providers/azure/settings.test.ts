import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../src/providers/azure/settings.ts';
import { throwawayPublicKey } from '../../../src/providers/azure/throwaway-key.ts';
import type { ProviderSettings } from '../../../src/providers/provider.ts';

const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555';
const SUBNET = `/subscriptions/${SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/s`;

function settings(
  options: Readonly<Record<string, unknown>>,
  changes: Partial<ProviderSettings> = {},
): ProviderSettings {
  return {
    regions: ['eastus', 'westeurope'],
    endpoints: {},
    certificateAuthority: null,
    credentials: 'default',
    options,
    clock: { now: () => 0, sleep: () => Promise.resolve() },
    ...changes,
  };
}

const SECURITY_GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/networkSecurityGroups/g`;

const COMPLETE = {
  subscriptionId: SUBSCRIPTION,
  resourceGroup: 'gpus',
  subnetIds: { eastus: SUBNET, westeurope: SUBNET },
};

describe('readSettings', () => {
  it('takes one group for all regions, or one per region', () => {
    expect(readSettings(settings(COMPLETE)).resourceGroupOf('westeurope')).toBe('gpus');
    const perRegion = readSettings(settings({ ...COMPLETE, resourceGroup: { eastus: 'a', westeurope: 'b' } }));
    expect(perRegion.resourceGroupOf('westeurope')).toBe('b');
    expect(perRegion.subnetOf('eastus')).toBe(SUBNET);
    expect(() => perRegion.subnetOf('japaneast')).toThrow(RangeError);
  });

  it('needs nothing for emulated clouds', () => {
    const emulated = readSettings(settings({}, { credentials: 'emulated' }));
    expect(emulated.resourceGroupOf('eastus')).toBe('gpu-broker');
    expect(emulated.subnetOf('eastus')).toContain('/subnets/');
  });

  it('knows an image for most machines, and lets each be replaced', () => {
    const plain = readSettings(settings(COMPLETE));
    expect(plain.imageOf('H100-80GB-SXM', 'x86_64')).toBe('microsoft-dsvm:ubuntu-hpc:2204:latest');
    expect(plain.imageOf('MI300X', 'x86_64')).toBe('microsoft-dsvm:ubuntu-hpc:2204-rocm:latest');
    expect(plain.imageOf('GB200-186GB', 'arm64')).toBeNull();
    const images = { x86_64: 'p:o:s:1', arm64: 'p:o:arm:1', byAccelerator: { T4: 'p:o:t4:1' } };
    const own = readSettings(settings({ ...COMPLETE, images }));
    expect(own.imageOf('T4', 'x86_64')).toBe('p:o:t4:1');
    expect(own.imageOf('H100-80GB-SXM', 'x86_64')).toBe('p:o:s:1');
    expect(own.imageOf('GB200-186GB', 'arm64')).toBe('p:o:arm:1');
  });

  it.each([
    ['subscriptionId', { ...COMPLETE, subscriptionId: 'mine' }],
    ['subscriptionId', { ...COMPLETE, subscriptionId: undefined }],
    ['resourceGroup', { ...COMPLETE, resourceGroup: undefined }],
    ['resourceGroup: names no resource group for westeurope', { ...COMPLETE, resourceGroup: { eastus: 'a' } }],
    ['subnetIds.westeurope', { ...COMPLETE, subnetIds: { eastus: SUBNET } }],
    ['subnetIds.eastus', { ...COMPLETE, subnetIds: { eastus: 'default', westeurope: SUBNET } }],
    ['images.x86_64', { ...COMPLETE, images: { x86_64: 'ubuntu' } }],
    ['sshPublicKey', { ...COMPLETE, sshPublicKey: 'secret' }],
    ['diskGiB', { ...COMPLETE, diskGiB: 5 }],
    ['diskType', { ...COMPLETE, diskType: 'UltraSSD_LRS' }],
    ['images.byAccelerator.H9000', { ...COMPLETE, images: { byAccelerator: { H9000: 'a:b:c:d' } } }],
    ['images.byAccelerator.T4', { ...COMPLETE, images: { byAccelerator: { T4: 'ubuntu' } } }],
    ['securityGroupIds.eastus', { ...COMPLETE, securityGroupIds: { eastus: 'open' } }],
    [
      'securityGroupIds.mars: is not one of the configured regions eastus, westeurope',
      { ...COMPLETE, securityGroupIds: { mars: SECURITY_GROUP } },
    ],
    ['subnetIds.mars', { ...COMPLETE, subnetIds: { ...COMPLETE.subnetIds, mars: SUBNET } }],
    ['publicAddress', { ...COMPLETE, publicAddress: 'yes' }],
    ['identityIds.0', { ...COMPLETE, identityIds: ['me'] }],
    ['tags.a<b', { ...COMPLETE, tags: { 'a<b': '' } }],
    ['tags.gpu-broker-owner', { ...COMPLETE, tags: { 'gpu-broker-owner': 'me' } }],
    ['subscription', { ...COMPLETE, subscription: SUBSCRIPTION }],
  ])('names the wrong field: %s', (field, options) => {
    expect(() => readSettings(settings(options))).toThrow(field);
  });
});

describe('throwawayPublicKey', () => {
  it('is a well-formed OpenSSH key, another each time', () => {
    const [type = '', blob = ''] = throwawayPublicKey().split(' ');
    const bytes = Buffer.from(blob, 'base64');
    expect(type).toBe('ssh-ed25519');
    expect(bytes).toHaveLength(4 + 11 + 4 + 32);
    expect(bytes.readUInt32BE(0)).toBe(11);
    expect(bytes.subarray(4, 15).toString()).toBe('ssh-ed25519');
    expect(bytes.readUInt32BE(15)).toBe(32);
    expect(throwawayPublicKey()).not.toBe(throwawayPublicKey());
  });
});
