import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../src/emulators/world/control-contract.ts';
import type { FaultTarget } from '../../../src/emulators/world/faults.ts';
import { createFaults } from '../../../src/emulators/world/faults.ts';

const TARGET = {
  ...{ cloud: 'aws', service: 'ec2', operation: 'RunInstances', region: 'us-east-1', mutating: true },
} as const satisfies FaultTarget;

function fault(change: Partial<Fault> = {}): Fault {
  const any = { cloud: null, operation: null, region: null, delayMs: 0, remaining: null, probability: 1 };
  return { id: 'f', kind: 'throttle', ...any, ...change };
}

describe('faults', () => {
  it.each([
    [{}, true],
    [{ cloud: 'aws' }, true],
    [{ cloud: 'gcp' }, false],
    [{ operation: 'Run*' }, true],
    [{ operation: 'Describe*' }, false],
    [{ region: 'us-east-1' }, true],
    [{ region: 'us-east-2' }, false],
    [{ service: 'ec2' }, true],
    [{ service: 'pricing' }, false],
  ] as const)('pattern %j matches: %s', (pattern, matches) => {
    const faults = createFaults(1);
    faults.add(fault(pattern));
    expect(faults.take(TARGET) !== null).toBe(matches);
  });

  it('spares requests of no region when it names one', () => {
    const faults = createFaults(1);
    faults.add(fault({ region: 'us-east-1' }));
    expect(faults.take({ ...TARGET, region: null })).toBeNull();
  });

  it('ends after its last hit', () => {
    const faults = createFaults(1);
    faults.add(fault({ remaining: 2 }));
    expect([1, 2, 3].map(() => faults.take(TARGET)?.kind ?? null)).toEqual(['throttle', 'throttle', null]);
    expect(faults.list()).toEqual([]);
  });

  it('the first of several hits; a spared request goes on to the next', () => {
    const faults = createFaults(1);
    faults.add(fault({ id: 'never', kind: 'html', probability: 0 }));
    faults.add(fault({ id: 'first', kind: 'slow' }));
    faults.add(fault({ id: 'second', kind: 'throttle' }));
    expect(faults.take(TARGET)?.id).toBe('first');
    faults.remove('first');
    expect(faults.take(TARGET)?.id).toBe('second');
  });

  it('hits its share of requests, the same ones for the same seed', () => {
    function draw(seed: number): readonly boolean[] {
      const faults = createFaults(seed);
      faults.add(fault({ probability: 0.3 }));
      return Array.from({ length: 1_000 }, () => faults.take(TARGET) !== null);
    }
    const hits = draw(7).filter(Boolean).length;
    expect(hits).toBeGreaterThan(240);
    expect(hits).toBeLessThan(360);
    expect(draw(7)).toEqual(draw(7));
    expect(draw(8)).not.toEqual(draw(7));
  });

  it('refuses impossible numbers', () => {
    const faults = createFaults(1);
    expect(() => faults.add(fault({ probability: 1.1 }))).toThrow(RangeError);
    expect(() => faults.add(fault({ remaining: -1 }))).toThrow(RangeError);
    expect(() => faults.add(fault({ delayMs: Number.NaN }))).toThrow(RangeError);
  });

  it('an error of the vendor needs one, and no other fault has one', () => {
    const vendorError = { status: 400, code: 'Odd', message: 'odd', asynchronous: false };
    const faults = createFaults(1);
    expect(() => faults.add(fault({ kind: 'vendor-error' }))).toThrow('if and only if');
    expect(() => faults.add(fault({ kind: 'throttle', vendorError }))).toThrow('if and only if');
    faults.add(fault({ kind: 'vendor-error', vendorError }));
    expect(faults.take({ ...TARGET, mutating: false })?.vendorError).toEqual(vendorError);
  });

  it('an asynchronous error of the vendor waits for a request that changes something', () => {
    const faults = createFaults(1);
    const vendorError = { status: 400, code: 'Odd', message: 'odd', asynchronous: true };
    faults.add(fault({ kind: 'vendor-error', vendorError, remaining: 1 }));
    expect(faults.take({ ...TARGET, mutating: false })).toBeNull();
    expect(faults.take(TARGET)?.kind).toBe('vendor-error');
  });
});
