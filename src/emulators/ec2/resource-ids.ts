/** The ids of volumes, network interfaces and addresses: a prefix and 17 hexadecimal digits. The world keeps them as the parts' names. */
import type { World, WorldPart } from '../world/contract.ts';

const PREFIXES: Readonly<Record<WorldPart['kind'], string>> = {
  disk: 'vol',
  'network-interface': 'eni',
  address: 'eipalloc',
};

export function partIdOf({ name }: Pick<WorldPart, 'name'>): string {
  return name;
}

/** Counted per world, so that a run repeats itself exactly. */
export function nextPartId(world: World, kind: WorldPart['kind']): string {
  const counters = world.store<number>('aws', 'counters');
  const next = (counters.get('part') ?? 0) + 1;
  counters.set('part', next);
  return `${PREFIXES[kind]}-${next.toString(16).padStart(17, '0')}`;
}

/** Whether the text can be the id of such a part at all. */
export function isPartId(kind: WorldPart['kind'], id: string): boolean {
  return new RegExp(`^${PREFIXES[kind]}-([0-9a-f]{8}|[0-9a-f]{17})$`).test(id);
}
