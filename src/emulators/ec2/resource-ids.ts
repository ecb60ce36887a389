/** The ids of volumes, network interfaces and addresses: a prefix and 17 hexadecimal digits, from the world's serial number. */
import type { WorldPart } from '../world/contract.ts';

const PREFIXES: Readonly<Record<WorldPart['kind'], string>> = {
  disk: 'vol',
  'network-interface': 'eni',
  address: 'eipalloc',
};

export function partIdOf({ kind, serial }: Pick<WorldPart, 'kind' | 'serial'>): string {
  return `${PREFIXES[kind]}-${serial.toString(16).padStart(17, '0')}`;
}

/** Whether the text can be the id of such a part at all. */
export function isPartId(kind: WorldPart['kind'], id: string): boolean {
  return new RegExp(`^${PREFIXES[kind]}-([0-9a-f]{8}|[0-9a-f]{17})$`).test(id);
}
