import type { Clock } from '../../src/domain/time.ts';
import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';
import type { SimulatedTime } from './time.ts';
import type { Trace } from './trace.ts';

/** Where a process can die. `read` and `write`: a statement or transaction of the store; the others: calls to a cloud. */
export type Point = 'read' | 'write' | 'launch' | 'terminate' | 'call';
/** What a crash waits for: points of one kind, or any. */
export type CrashPoint = Point | 'any';

/** The process is dead: nothing that it does from now on takes effect. */
export class ProcessDied extends Error {
  override readonly name = 'ProcessDied';
  constructor() {
    super('this broker process is dead');
  }
}

/**
 * One life of one broker process. All that it does to the outside goes through its gates: there the seed decides how long it takes,
 * and there it dies, so that what comes after never happens. What waits in a dead process waits for ever, as it would.
 */
export interface BrokerProcess {
  readonly name: string;
  readonly isDead: () => boolean;
  /** Passes a point outside of transactions: may take a moment; never returns in a dead process. */
  gate(point: Point, what: string): Promise<void>;
  /** Passes a point inside a transaction, which has to end: throws {@link ProcessDied} instead. */
  gateInside(point: Point, what: string): void;
  /** Dies at the nth such point from now on. */
  arm(point: CrashPoint, after: number): void;
  disarm(): void;
  /** Dies here and now. */
  die(): void;
  /** The process's own clock: it may be wrong, and it stops with the process. */
  readonly clock: Clock;
  jump(ms: number): void;
  /** Resolves at its death. */
  readonly death: Promise<void>;
}

const NEVER = new Promise<never>(() => {});
/** Most points take no time; the others up to this. */
const SLOWEST_MS = 25;
const SLOW_SHARE = 0.15;

export function createProcess(options: {
  readonly name: string;
  readonly seed: number;
  readonly time: SimulatedTime;
  readonly trace: Trace;
  readonly skewMs: number;
  readonly onDeath: () => void;
}): BrokerProcess {
  const { name, time, trace } = options;
  const stream = streamOf(options.seed, `delays/${name}`);
  let skewMs = options.skewMs;
  let armed: { readonly point: CrashPoint; left: number } | null = null;
  let isDead = false;
  let passed = 0;
  const { promise: death, resolve: tellDeath } = Promise.withResolvers<void>();

  function mayDie(point: Point, what: string): void {
    if (armed === null || (armed.point !== 'any' && armed.point !== point)) return;
    armed.left -= 1;
    if (armed.left > 0) return;
    trace.tell(`${name} dies at ${point}: ${what}`);
    trace.count(`crashes at ${point}`);
    die();
  }

  function die(): void {
    if (isDead) return;
    armed = null;
    isDead = true;
    options.onDeath();
    tellDeath();
  }

  return {
    name,
    death,
    isDead: () => isDead,
    gate: async (point, what) => {
      if (isDead) return NEVER;
      mayDie(point, what);
      if (isDead) return NEVER;
      passed += 1;
      const draw = uniformAt(stream, passed);
      if (draw >= SLOW_SHARE) return;
      await time.sleep(1 + Math.floor((draw / SLOW_SHARE) * SLOWEST_MS));
      if (isDead) return NEVER;
    },
    gateInside: (point, what) => {
      if (!isDead) mayDie(point, what);
      if (isDead) throw new ProcessDied();
    },
    arm: (point, after) => {
      armed = { point, left: after };
    },
    die,
    disarm: () => {
      armed = null;
    },
    clock: {
      now: () => time.now() + skewMs,
      sleep: async (ms, signal) => {
        if (isDead) return NEVER;
        await time.sleep(ms, signal);
        if (isDead) return NEVER;
      },
    },
    jump: (ms) => {
      skewMs += ms;
    },
  };
}
