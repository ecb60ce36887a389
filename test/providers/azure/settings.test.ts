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
