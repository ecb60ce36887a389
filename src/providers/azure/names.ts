import type { Leftover } from '../provider.ts';

/** Tags of ours on every machine, disk, interface and address; what else is tagged came with the request or the settings. */
export const OWNER_TAG = 'gpu-broker-owner';
export const ATTEMPT_TAG = 'gpu-broker-attempt';
export const INDEX_TAG = 'gpu-broker-index';
/** Fingerprint of the launch request: tells "the same again" from "another request under the same key". */
export const REQUEST_TAG = 'gpu-broker-request';

/** The key alone decides the name, so "did it happen?" can be asked by name. */
export function machineName(idempotencyKey: string, index: number): string {
  return `b-${idempotencyKey}-${index}`;
}

export type PartKind = Leftover['kind'];

const SUFFIXES: Readonly<Record<PartKind, string>> = { disk: 'os', 'network-interface': 'nic', address: 'ip' };

/** What belongs to a machine is named after it, so that it can be removed by name whatever became of the machine. */
export function partName(machine: string, kind: PartKind): string {
  return `${machine}-${SUFFIXES[kind]}`;
}

/** ARM's type of each part, and the API version in which it is removed. */
export const PART_TYPES: Readonly<Record<PartKind, { readonly type: string; readonly apiVersion: string }>> = {
  disk: { type: 'Microsoft.Compute/disks', apiVersion: '2024-03-02' },
  'network-interface': { type: 'Microsoft.Network/networkInterfaces', apiVersion: '2023-09-01' },
  address: { type: 'Microsoft.Network/publicIPAddresses', apiVersion: '2023-09-01' },
};

/** ARM answers with the resource group in any case it likes; ours is lower, so that ids can be compared. */
export function comparableId(id: string): string {
  return id.replace(/^(\/subscriptions\/[^/]+\/resourceGroups\/)([^/]+)/i, (_all, head: string, group: string) =>
    `${head}${group.toLowerCase()}`.replace(/\/resourcegroups\//i, '/resourceGroups/'),
  );
}
