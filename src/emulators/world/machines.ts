import type { EpochMs } from '../../domain/time.ts';
import type { MachineState, WorldMachine } from './contract.ts';
import type { BehaviourFacts, CloudId } from './market-facts.ts';

/** An ended machine is still listed for this long. */
export const RETENTION_MS = 3_600_000;

/** A machine and what fate has in store for it. */
interface Entry {
  machine: WorldMachine;
  /** When the world will give a spot notice of its own accord; null = never. */
  readonly fatedNoticeAt: EpochMs | null;
  readonly holdsHardware: boolean;
}

/** State at a moment; forward in time it only moves pending → running → stopping → terminated, or pending → failed. */
export function stateAt(machine: WorldMachine, at: EpochMs): MachineState {
  if (machine.failedAt !== null && machine.failedAt <= at) return 'failed';
  if (machine.terminatedAt !== null && machine.terminatedAt <= at) return 'terminated';
  if (machine.stoppingAt !== null && machine.stoppingAt <= at) return 'stopping';
  return machine.failedAt === null && machine.runningAt <= at ? 'running' : 'pending';
}

function hasEnded(state: MachineState): boolean {
  return state === 'failed' || state === 'terminated';
}

function endOf(machine: WorldMachine): EpochMs {
  return machine.failedAt ?? machine.terminatedAt ?? Number.POSITIVE_INFINITY;
}

export interface Machines {
  lastSerial(): number;
  /** Gives it the next serial number. Throws an Error when its name is taken: the front has to answer that in its own words. */
  add(machine: Omit<WorldMachine, 'serial'>, fatedNoticeAt: EpochMs | null): WorldMachine;
  get(serial: number): WorldMachine | null;
  list(cloud: CloudId): readonly WorldMachine[];
  /** Pending, running and stopping ones. */
  living(cloud: CloudId): readonly WorldMachine[];
  stateOf(machine: WorldMachine): MachineState;
  /** As `living`, without launches that are, or were until they were called off, bound to fail. */
  holding(cloud: CloudId): readonly WorldMachine[];
  /** No-op on an ended machine; a launch that was bound to fail is called off. */
  stop(serial: number): WorldMachine | null;
  forget(serial: number): void;
  tag(serial: number, tags: Readonly<Record<string, string>>): void;
  notify(serial: number): void;
  lose(serial: number): void;
}

export function createMachines(options: {
  readonly now: () => EpochMs;
  /** How long a machine is `stopping`. */
  readonly stoppingMs: number;
  readonly behaviour: (cloud: CloudId) => BehaviourFacts;
  /** When the capacity block that the machine runs in ends; null = it runs in none. */
  readonly blockEndOf: (machine: WorldMachine) => EpochMs | null;
}): Machines {
  const { now, stoppingMs, behaviour, blockEndOf } = options;
  const entries = new Map<number, Entry>();
  let lastSerial = 0;

  /** Brings the record up to the present: notices fall due and machines stop whether or not anybody looks. */
  function settled(entry: Entry, at: EpochMs): WorldMachine {
    let { machine } = entry;
    const fated = entry.fatedNoticeAt;
    if (fated !== null && fated <= at && machine.noticeAt === null && machine.stoppingAt === null)
      machine = { ...machine, noticeAt: fated };
    const stoppingAt = machine.stoppingAt === null ? takenBackAt(machine) : null;
    if (stoppingAt !== null && stoppingAt <= at) {
      const calledOff = { failedAt: null, failure: null };
      machine = {
        ...machine,
        ...calledOff,
        stoppingAt,
        terminatedAt: stoppingAt + stoppingMs,
        endedBy: 'interruption',
      };
    }
    entry.machine = machine;
    return machine;
  }

  /** When the cloud stops it: at the end of its notice or of its block, whichever comes first; null = not in sight, or it fails before. */
  function takenBackAt(machine: WorldMachine): EpochMs | null {
    const noticeMs = (behaviour(machine.pool.cloud).spotNoticeSeconds ?? 0) * 1000;
    const noticed = machine.noticeAt === null ? null : machine.noticeAt + noticeMs;
    const endAt = Math.min(noticed ?? Number.POSITIVE_INFINITY, blockEndOf(machine) ?? Number.POSITIVE_INFINITY);
    return endAt < (machine.failedAt ?? Number.POSITIVE_INFINITY) ? endAt : null;
  }

  function get(serial: number, at: EpochMs = now()): WorldMachine | null {
    const entry = entries.get(serial);
    if (entry === undefined) return null;
    const machine = settled(entry, at);
    if (endOf(machine) + RETENTION_MS > at) return machine;
    entries.delete(serial);
    return null;
  }

  function list(cloud: CloudId): readonly WorldMachine[] {
    const at = now();
    const machines: WorldMachine[] = [];
    for (const serial of entries.keys()) {
      const machine = get(serial, at);
      if (machine?.pool.cloud === cloud) machines.push(machine);
    }
    return machines;
  }

  function living(cloud: CloudId): readonly WorldMachine[] {
    const at = now();
    return list(cloud).filter((machine) => !hasEnded(stateAt(machine, at)));
  }

  function holding(cloud: CloudId): readonly WorldMachine[] {
    return living(cloud).filter(({ serial }) => entries.get(serial)?.holdsHardware === true);
  }

  /** A name is taken as long as anything of the machine is left. */
  function checkName(wanted: Omit<WorldMachine, 'serial'>): void {
    const { pool, name } = wanted;
    const { namesUniqueIn } = behaviour(pool.cloud);
    if (name === null || namesUniqueIn === null) return;
    const holder = list(pool.cloud).find(
      (other) =>
        other.name === name &&
        other.pool.region === pool.region &&
        (namesUniqueIn === 'region' || other.pool.zone === pool.zone) &&
        stateAt(other, now()) !== 'terminated',
    );
    if (holder !== undefined)
      throw new Error(`machine ${holder.serial} of ${pool.cloud} ${pool.region} is already called ${name}`);
  }

  function change(serial: number, next: (machine: WorldMachine, state: MachineState) => WorldMachine): void {
    const machine = get(serial);
    const entry = entries.get(serial);
    if (machine === null || entry === undefined) throw new RangeError(`there is no machine ${serial}`);
    entry.machine = next(machine, stateAt(machine, now()));
  }

  function stop(serial: number): WorldMachine | null {
    if (get(serial) === null) return null;
    change(serial, (machine, state) => {
      if (hasEnded(state) || state === 'stopping') return machine;
      const calledOff = { failedAt: null, failure: null };
      const stoppingAt = now();
      return { ...machine, ...calledOff, stoppingAt, terminatedAt: stoppingAt + stoppingMs, endedBy: 'user' };
    });
    return get(serial);
  }

  function lose(serial: number): void {
    change(serial, (machine, state) => {
      if (hasEnded(state)) return machine;
      const calledOff = { failedAt: null, failure: null };
      const at = now();
      return {
        ...machine,
        ...calledOff,
        stoppingAt: machine.stoppingAt ?? at,
        terminatedAt: at,
        endedBy: machine.endedBy ?? 'loss',
      };
    });
  }

  function notify(serial: number): void {
    change(serial, (machine, state) => {
      if (machine.pool.market !== 'spot')
        throw new RangeError(`machine ${serial} is ${machine.pool.market}: only spot machines get a notice`);
      if (hasEnded(state) || state === 'stopping' || machine.noticeAt !== null) return machine;
      return { ...machine, noticeAt: now() };
    });
  }

  return {
    lastSerial: () => lastSerial,
    add(machine, fatedNoticeAt) {
      checkName(machine);
      lastSerial += 1;
      const added = { ...machine, serial: lastSerial };
      entries.set(lastSerial, { machine: added, fatedNoticeAt, holdsHardware: machine.failedAt === null });
      return added;
    },
    get: (serial) => get(serial),
    list,
    living,
    holding,
    stateOf(machine) {
      const current = get(machine.serial);
      // Only ended machines are dropped or forgotten.
      return current === null ? 'terminated' : stateAt(current, now());
    },
    stop,
    forget(serial) {
      const machine = get(serial);
      if (machine !== null && hasEnded(stateAt(machine, now()))) entries.delete(serial);
    },
    tag(serial, tags) {
      change(serial, (machine) => ({ ...machine, tags: { ...machine.tags, ...tags } }));
    },
    notify,
    lose,
  };
}
