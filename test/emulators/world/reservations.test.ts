import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WorldReservation } from '../../../src/emulators/world/contract.ts';
import { EVERYWHERE, launched, ON_DEMAND, request, START, stage } from './world-stage.ts';

const HOUR_MS = 3_600_000;
const PLACE = { cloud: 'aws', region: 'north', zone: 'north-a', instanceType: 'small' } as const;

function reservation(change: Partial<WorldReservation> = {}): WorldReservation {
  const open = { id: 'cr-1', count: 2, kind: 'open', startAt: START, endAt: null, tags: {}, details: {} } as const;
  return { ...PLACE, ...open, ...change };
}

type Action =
  | { readonly do: 'launch'; readonly count: number; readonly async: boolean; readonly failing: boolean }
  | { readonly do: 'terminate'; readonly pick: number }
  | { readonly do: 'advance'; readonly ms: number };

const ACTION: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    ...{ do: fc.constant('launch' as const), count: fc.integer({ min: 1, max: 3 }) },
    ...{ async: fc.boolean(), failing: fc.boolean() },
  }),
  fc.record({ do: fc.constant('terminate' as const), pick: fc.nat(9) }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.nat(3_000) }),
);

type Stage = ReturnType<typeof stage> & { readonly real: Set<number> };

/** How many machines were launched that are not bound to fail. */
async function act({ world, clock, real }: Stage, action: Action): Promise<number> {
  if (action.do === 'advance') await clock.advance(action.ms);
  if (action.do === 'terminate') world.terminate(action.pick);
  if (action.do !== 'launch') return 0;
  const vendorError = { status: 400, code: 'Odd', message: 'odd', asynchronous: true };
  const forcedFailure = action.failing ? vendorError : null;
  const capacityAnswer = action.async ? 'async' : 'sync';
  const result = world.launch(request({ count: action.count, reservation: 'cr-1', capacityAnswer, forcedFailure }));
  const machines = result.accepted ? result.machines.filter(({ failedAt }) => failedAt === null) : [];
  for (const { serial } of machines) real.add(serial);
  return machines.length;
}

function isThere({ world }: Stage, serial: number): boolean {
  const machine = world.machine(serial);
  return machine !== null && ['pending', 'running', 'stopping'].includes(world.stateOf(machine));
}

describe('a reservation', () => {
  it('has room of its own: the pool may be empty, and launches into one do not take from the other', () => {
    const on = stage();
    on.control.setFree(EVERYWHERE, 0);
    on.control.addReservation(reservation());
    launched(on, { reservation: 'cr-1' });
    expect([on.world.freeInReservation('aws', 'cr-1'), on.control.freeOf(ON_DEMAND)]).toEqual([1, 0]);
    on.control.setFree(EVERYWHERE, 3);
    launched(on);
    launched(on, { reservation: 'cr-1' });
    expect([on.world.freeInReservation('aws', 'cr-1'), on.control.freeOf(ON_DEMAND)]).toEqual([0, 2]);
    expect(on.world.launch(request({ reservation: 'cr-1' }))).toEqual({
      accepted: false,
      failure: { kind: 'reservation', reservation: 'cr-1', free: 0 },
    });
  });

  it('takes only machines of its own pool, on demand', () => {
    const on = stage();
    on.control.addReservation(reservation());
    for (const change of [{ zone: 'north-b' }, { market: 'spot' as const }, { region: 'south', zone: 'south-a' }]) {
      const wrong = request({ pool: { ...ON_DEMAND, ...change }, reservation: 'cr-1' });
      expect(on.world.launch(wrong)).toMatchObject({ accepted: false, failure: { kind: 'reservation', free: 0 } });
    }
    expect(on.world.freeInReservation('aws', 'cr-1')).toBe(2);
  });

  it('is usable from its start to its end only, and is listed by id until then', async () => {
    const on = stage();
    on.control.addReservation(reservation({ id: 'b', startAt: START + 10, endAt: START + 20 }));
    on.control.addReservation(reservation({ id: 'a' }));
    function look(): unknown {
      return [on.world.freeInReservation('aws', 'b'), on.world.reservations('aws').map(({ id }) => id)];
    }
    expect(look()).toEqual([0, ['a', 'b']]);
    await on.clock.advance(10);
    expect(look()).toEqual([2, ['a', 'b']]);
    await on.clock.advance(10);
    expect(look()).toEqual([0, ['a']]);
    expect(on.world.reservations('gcp')).toEqual([]);
    expect(on.world.freeInReservation('gcp', 'a')).toBe(0);
  });

  it.each(['running', 'pending'] as const)('of a block stops its %s machines at its end', async (state) => {
    const on = stage();
    const endAt = START + (state === 'running' ? HOUR_MS : 1_000);
    on.world.addReservation(reservation({ kind: 'block', endAt }));
    const machine = launched(on, { reservation: 'cr-1' });
    await on.clock.advance(endAt - START - 1);
    expect(on.world.stateOf(machine)).toBe(state);
    await on.clock.advance(1);
    expect(on.world.stateOf(machine)).toBe('stopping');
    // What stops in a block never was the pool's.
    expect(on.control.freeOf(ON_DEMAND)).toBe(20);
    await on.clock.advance(1_000);
    expect(on.world.machine(machine.serial)).toMatchObject({ stoppingAt: endAt, endedBy: 'interruption' });
    expect(on.world.stateOf(machine)).toBe('terminated');
  });

  it('that is open lets its machines run on in the pool after its end', async () => {
    const on = stage();
    on.control.addReservation(reservation({ endAt: START + HOUR_MS }));
    const machine = launched(on, { reservation: 'cr-1' });
    expect(on.control.freeOf(ON_DEMAND)).toBe(20);
    await on.clock.advance(HOUR_MS);
    expect(on.world.stateOf(machine)).toBe('running');
    expect(on.control.freeOf(ON_DEMAND)).toBe(19);
  });

  it('that is removed ends now: a block stops its machines, even if nobody looked at them since', async () => {
    const on = stage();
    on.control.addReservation(reservation({ kind: 'block' }));
    const machine = launched(on, { reservation: 'cr-1' });
    await on.clock.advance(5_000);
    on.control.removeReservation('aws', 'cr-1');
    on.control.removeReservation('aws', 'unknown');
    await on.clock.advance(5_000);
    on.control.addReservation(reservation({ kind: 'block', startAt: START + 10_000 }));
    expect(on.world.machine(machine.serial)).toMatchObject({ stoppingAt: START + 5_000, endedBy: 'interruption' });
    expect(on.world.freeInReservation('aws', 'cr-1')).toBe(2);
  });

  it('does not turn a launch that failed before its end into one that was stopped', async () => {
    const on = stage();
    on.control.addReservation(reservation({ kind: 'block', count: 1, endAt: START + HOUR_MS }));
    launched(on, { reservation: 'cr-1' });
    const failing = launched(on, { reservation: 'cr-1', capacityAnswer: 'async' });
    await on.clock.advance(1_500);
    expect(on.world.stateOf(failing)).toBe('failed');
    await on.clock.advance(HOUR_MS - 1_500);
    expect(on.world.machine(failing.serial)).toMatchObject({
      ...{ endedBy: null, stoppingAt: null },
      failure: { kind: 'reservation', reservation: 'cr-1', free: 0 },
    });
  });

  it('is refused when its id is taken or it cannot be', () => {
    const on = stage();
    on.control.addReservation(reservation());
    expect(() => on.control.addReservation(reservation())).toThrow('already has a reservation called cr-1');
    const wrong: readonly [Partial<WorldReservation>, string][] = [
      [{ id: '' }, 'needs an id'],
      [{ count: 0 }, 'whole number of machines'],
      [{ endAt: START }, 'must end after it starts'],
      [{ instanceType: 'large' }, 'does not sell large in zone north-a'],
    ];
    for (const [change, message] of wrong) {
      expect(() => on.world.addReservation(reservation({ id: 'cr-2', ...change }))).toThrow(message);
    }
  });

  it('is never oversold, whatever is launched and ended in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(ACTION, { maxLength: 30 }), async (count, actions) => {
        const on = { ...stage(), real: new Set<number>() };
        on.control.addReservation(reservation({ count }));
        for (const action of actions) {
          const before = on.world.freeInReservation('aws', 'cr-1');
          const real = await act(on, action);
          if (action.do === 'launch') expect(real).toBe(!action.failing && action.count <= before ? action.count : 0);
          const holding = [...on.real].filter((serial) => isThere(on, serial)).length;
          expect(on.world.freeInReservation('aws', 'cr-1')).toBe(count - holding);
        }
      }),
      { numRuns: 100 },
    );
  });
});
