import { globMatches } from '../../domain/workload.ts';
import type { Fault } from './control-contract.ts';
import type { CloudId } from './market-facts.ts';
import { streamOf, uniformAt } from './random.ts';

/** What a fault is matched against. */
export interface FaultTarget {
  readonly cloud: CloudId;
  readonly service: string;
  readonly operation: string;
  readonly region: string | null;
  readonly mutating: boolean;
}

export interface Faults {
  /** Replaces a fault of the same id. Throws RangeError for impossible numbers. */
  add(fault: Fault): void;
  remove(id: string): void;
  list(): readonly Fault[];
  /** The first fault, in order of arrival, that hits this request; counts it. */
  take(target: FaultTarget): Fault | null;
}

function matches(fault: Fault, target: FaultTarget): boolean {
  return (
    (fault.cloud === null || fault.cloud === target.cloud) &&
    (fault.service == null || fault.service === target.service) &&
    (fault.region === null || fault.region === target.region) &&
    (fault.operation === null || globMatches(fault.operation, target.operation)) &&
    (fault.vendorError?.asynchronous !== true || target.mutating)
  );
}

function check(fault: Fault): void {
  if (!(fault.probability >= 0 && fault.probability <= 1))
    throw new RangeError(`the probability of a fault is 0..1, not ${fault.probability}`);
  if (fault.remaining !== null && !(Number.isSafeInteger(fault.remaining) && fault.remaining >= 0))
    throw new RangeError(`what remains of a fault is a whole number ≥ 0 or null, not ${fault.remaining}`);
  if (!(Number.isSafeInteger(fault.skip ?? 0) && (fault.skip ?? 0) >= 0))
    throw new RangeError(`what a fault lets pass is a whole number ≥ 0, not ${fault.skip}`);
  if (!(Number.isFinite(fault.delayMs) && fault.delayMs >= 0))
    throw new RangeError(`the delay of a fault is ≥ 0 ms, not ${fault.delayMs}`);
  if ((fault.kind === 'vendor-error') !== (fault.vendorError != null))
    throw new RangeError(`a fault has a vendorError if and only if its kind is vendor-error, not ${fault.kind}`);
}

export function createFaults(seed: number): Faults {
  const faults = new Map<string, Fault>();
  /** Draws so far by fault: each matching request is one draw of the fault's own stream. */
  const draws = new Map<string, number>();

  function hits(fault: Fault): boolean {
    if (fault.remaining === 0) return false;
    const { skip = 0 } = fault;
    if (skip > 0) {
      faults.set(fault.id, { ...fault, skip: skip - 1 });
      return false;
    }
    const draw = draws.get(fault.id) ?? 0;
    draws.set(fault.id, draw + 1);
    return uniformAt(streamOf(seed, `fault/${fault.id}`), draw) < fault.probability;
  }

  function spend(fault: Fault): void {
    if (fault.remaining === null) return;
    if (fault.remaining > 1) faults.set(fault.id, { ...fault, remaining: fault.remaining - 1 });
    else faults.delete(fault.id);
  }

  return {
    add(fault) {
      check(fault);
      faults.set(fault.id, fault);
    },
    remove(id) {
      faults.delete(id);
    },
    list: () => [...faults.values()],
    take(target) {
      const fault = [...faults.values()].find((candidate) => matches(candidate, target) && hits(candidate));
      if (fault === undefined) return null;
      spend(fault);
      return fault;
    },
  };
}
