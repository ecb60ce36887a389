import type { EpochMs } from '../../domain/time.ts';
import type { MachineState, WorldPart } from './contract.ts';
import type { CloudId } from './market-facts.ts';

/** Disks, network interfaces and addresses. */
export interface Parts {
  add(part: Omit<WorldPart, 'serial' | 'createdAt'>): WorldPart;
  list(cloud: CloudId): readonly WorldPart[];
  isInUse(part: WorldPart): boolean;
  remove(serial: number): void;
  setStrands(cloud: CloudId, strands: boolean): void;
}

export function createParts(options: {
  readonly now: () => EpochMs;
  /** Null = the world has forgotten the machine. */
  readonly stateOf: (serial: number) => MachineState | null;
}): Parts {
  const { now, stateOf } = options;
  const parts = new Map<number, WorldPart>();
  const stranding = new Set<CloudId>();
  let lastSerial = 0;

  function hasEnded({ machine, life }: WorldPart): boolean {
    if (life === 'until-removed' || machine === null) return false;
    const state = stateOf(machine);
    return state === null || state === 'terminated' || (state === 'failed' && life === 'with-machine');
  }

  /** Removes, or strands, what has ended with its machine: before anybody looks, and before anything about stranding changes. */
  function settle(): void {
    for (const [serial, part] of parts) {
      if (!hasEnded(part)) continue;
      if (stranding.has(part.cloud)) parts.set(serial, { ...part, life: 'until-removed' });
      else parts.delete(serial);
    }
  }

  return {
    add(part) {
      lastSerial += 1;
      const added = { ...part, serial: lastSerial, createdAt: now() };
      parts.set(lastSerial, added);
      return added;
    },
    list(cloud) {
      settle();
      return [...parts.values()].filter((part) => part.cloud === cloud);
    },
    isInUse({ machine, life }) {
      const state = machine === null ? null : stateOf(machine);
      return state !== null && state !== 'terminated' && (state !== 'failed' || life === 'with-its-record');
    },
    remove(serial) {
      parts.delete(serial);
    },
    setStrands(cloud, strands) {
      settle();
      if (strands) stranding.add(cloud);
      else stranding.delete(cloud);
    },
  };
}
