import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { launched, request, SPOT, START, stage } from './world-stage.ts';

const VENDOR_ERROR = { status: 409, code: 'AllocationFailed', message: 'no room', asynchronous: true };

interface Step {
  readonly after: number;
  readonly how: 'terminate' | 'lose' | 'interrupt';
}

const STEP: fc.Arbitrary<Step> = fc.record({
  after: fc.nat(100).map((tenths) => tenths * 100),
  how: fc.constantFrom('terminate', 'lose', 'interrupt'),
});

/** A machine in a world of its own, whose reads lag. */
function lived(delayMs: number): {
  readonly clock: ManualClock;
  end(step: Step): void;
  state(): string;
  shown(): string | null;
} {
  const { world, control, clock } = stage();
  control.setVisibilityDelayMs('aws', delayMs);
  const result = world.launch(request({ pool: SPOT }));
  const [machine] = result.accepted ? result.machines : [];
  if (machine === undefined) throw new Error('refused');
  const ways = { terminate: world.terminate, lose: control.lose, interrupt: control.interrupt };
  return {
    clock,
    end: ({ how }) => ways[how](machine.serial),
    state: () => world.stateOf(machine),
    shown: () => world.shownStateOf(machine),
  };
}

describe('what a read of an eventually consistent API shows', () => {
  it('lags behind the launch, the start and the end', async () => {
    const on = stage();
    on.control.setVisibilityDelayMs('aws', 300);
    const machine = launched(on);
    const shown: unknown[] = [on.world.shownStateOf(machine)];
    async function look(afterMs: number): Promise<void> {
      await on.clock.advance(afterMs);
      shown.push(on.world.shownStateOf(machine));
    }
    await look(299);
    await look(1);
    await look(1_499);
    await look(1);
    on.world.terminate(machine.serial);
    await look(299);
    await look(1);
    await look(999);
    await look(1);
    expect(shown).toEqual([
      ...[null, null, 'pending', 'pending', 'running', 'running', 'stopping', 'stopping', 'terminated'],
    ]);
  });

  it('lags in its own cloud only', () => {
    const on = stage();
    on.control.setVisibilityDelayMs('gcp', 300);
    expect(on.world.shownStateOf(launched(on))).toBe('pending');
  });

  it('is terminated for a machine that the world has forgotten', async () => {
    const on = stage();
    const machine = launched(on);
    on.world.terminate(machine.serial);
    await on.clock.advance(7_200_000);
    expect([on.world.stateOf(machine), on.world.shownStateOf(machine)]).toEqual(['terminated', 'terminated']);
  });

  it('is the state as it was the delay ago, and the true one without a delay', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 8 }), fc.constantFrom(0, 300, 1_700), async (steps, delayMs) => {
        // Both live the same life; what the late one shows, the prompt one was in `delayMs` earlier.
        const [prompt, late] = [lived(0), lived(delayMs)];
        const history = new Map<number, string>();
        for (let at = 0; at < 12_000; at += 100) {
          const due = steps.filter(({ after }) => after === at);
          for (const life of [prompt, late]) due.forEach(life.end);
          history.set(at, prompt.state());
          expect(late.shown()).toBe(history.get(at - delayMs) ?? null);
          await Promise.all([prompt, late].map(({ clock }) => clock.advance(100)));
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe('a launch that is forced to fail', () => {
  it('fails after the latency with that error, and holds no hardware meanwhile', async () => {
    const on = stage();
    const free = on.control.freeOf(SPOT);
    const machine = launched(on, { pool: SPOT, forcedFailure: VENDOR_ERROR });
    expect(on.control.freeOf(SPOT)).toBe(free);
    await on.clock.advance(1_499);
    expect(on.world.stateOf(machine)).toBe('pending');
    await on.clock.advance(1);
    expect(on.world.machine(machine.serial)).toMatchObject({
      ...{ failedAt: START + 1_500, failure: { kind: 'vendor', error: VENDOR_ERROR } },
    });
    expect(on.world.stateOf(machine)).toBe('failed');
  });

  it('is still refused at once for what is answered at once: quota, price, not offered', () => {
    const on = stage();
    on.control.setQuotaLimit('aws', 'north', 'spot-cpus', 0);
    const forced = { pool: SPOT, forcedFailure: VENDOR_ERROR };
    expect(on.world.launch(request(forced))).toMatchObject({ accepted: false, failure: { kind: 'quota' } });
    expect(on.world.launch(request({ ...forced, maxPriceMicroUsdPerHour: 1 }))).toMatchObject({
      failure: { kind: 'price' },
    });
    expect(on.world.launch(request({ ...forced, pool: { ...SPOT, instanceType: 'none' } }))).toMatchObject({
      failure: { kind: 'not-offered' },
    });
  });

  it('can be called off, and is then terminated, not failed', async () => {
    const on = stage();
    const machine = launched(on, { forcedFailure: VENDOR_ERROR });
    on.world.terminate(machine.serial);
    await on.clock.advance(5_000);
    expect([on.world.stateOf(machine), on.world.machine(machine.serial)?.failure]).toEqual(['terminated', null]);
  });
});
