import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';
import { CLOUDS, REGIONS, type SimulatedCloud } from './market.ts';
import { CALL_FAULTS, type CallFault } from './network.ts';
import type { CrashPoint } from './process.ts';
import { POLICY_NAMES, type PolicyName, SHAPE_NAMES, type ShapeName } from './wishes.ts';

/** Something that users, clouds or fate do, this many milliseconds after the beginning. */
export type Act = { readonly id: string; readonly at: number } & (
  | {
      readonly kind: 'apply';
      readonly workload: string;
      readonly shape: ShapeName;
      readonly replicas: number;
      readonly isProtected: boolean;
    }
  | { readonly kind: 'delete'; readonly workload: string }
  | { readonly kind: 'policy'; readonly policy: PolicyName }
  | {
      readonly kind: 'crash';
      readonly broker: number;
      readonly point: CrashPoint;
      readonly nth: number;
      readonly downMs: number;
    }
  | { readonly kind: 'restart'; readonly broker: number }
  | { readonly kind: 'jump'; readonly broker: number; readonly ms: number }
  | {
      readonly kind: 'calls';
      readonly cloud: SimulatedCloud;
      readonly operation: string | null;
      readonly fault: CallFault;
      readonly share: number;
      readonly forMs: number;
    }
  | {
      readonly kind: 'outage' | 'sold-out';
      readonly cloud: SimulatedCloud;
      readonly region: string | null;
      readonly forMs: number;
    }
  | {
      readonly kind: 'rate-limit' | 'stuck' | 'strand' | 'quota';
      readonly cloud: SimulatedCloud;
      readonly forMs: number;
    }
  | { readonly kind: 'prices'; readonly cloud: SimulatedCloud; readonly factor: number; readonly forMs: number }
  | { readonly kind: 'interrupt' | 'lose'; readonly cloud: SimulatedCloud | null; readonly share: number }
  | { readonly kind: 'stranger'; readonly cloud: SimulatedCloud }
  | { readonly kind: 'store'; readonly share: number; readonly forMs: number }
);

export type ActKind = Act['kind'];

/** All that a seed decides beforehand; the order of things at one moment, and how long each takes, it decides as they come. */
export interface Story {
  readonly seed: number;
  /** Brokers on the one store. */
  readonly brokers: number;
  /** How long the first cloud's reads lag behind. */
  readonly lagMs: number;
  readonly launchMs: number;
  readonly removesOrphans: boolean;
  readonly policy: PolicyName;
  readonly acts: readonly Act[];
  /** From then on nothing goes wrong any more … */
  readonly endMs: number;
  /** … but for one crash while everything is being deleted; null = none. */
  readonly farewell: Farewell | null;
}

export interface Farewell {
  readonly point: CrashPoint;
  readonly nth: number;
  readonly downMs: number;
}

const MINUTE = 60_000;
const OPERATIONS = [
  'launch',
  'launch',
  'getInstance',
  'listOwned',
  'terminate',
  'pollInterruptions',
  'listLeftovers',
  null,
];
const CRASH_POINTS: readonly CrashPoint[] = ['write', 'write', 'launch', 'launch', 'terminate', 'any'];

const FAREWELL_POINTS: readonly CrashPoint[] = ['write', 'terminate'];

/** Draws from one stream. */
class Dice {
  readonly #stream: number;
  #thrown = 0;

  constructor(seed: number) {
    this.#stream = streamOf(seed, 'story');
  }

  share(): number {
    this.#thrown += 1;
    return uniformAt(this.#stream, this.#thrown);
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.share() * (most - least + 1));
  }

  one<T>(list: readonly T[]): T {
    const item = list[Math.floor(this.share() * list.length)];
    if (item === undefined) throw new RangeError('nothing to choose from');
    return item;
  }

  chance(share: number): boolean {
    return this.share() < share;
  }
}

export function drawStory(seed: number): Story {
  const dice = new Dice(seed);
  const brokers = dice.chance(0.35) ? 2 : 1;
  const endMs = dice.whole(3, 8) * MINUTE;
  const base = {
    ...{ seed, brokers, endMs },
    lagMs: dice.chance(0.5) ? 0 : dice.whole(200, 5_000),
    launchMs: dice.whole(1, 8) * 1000,
    removesOrphans: dice.chance(0.5),
    policy: dice.one(POLICY_NAMES),
    farewell: dice.chance(0.5)
      ? { point: dice.one(FAREWELL_POINTS), nth: dice.whole(1, 24), downMs: dice.whole(0, 10) * 1000 }
      : null,
  };
  const acts: Act[] = [];
  const wishes = dice.whole(1, 4);
  for (let index = 0; index < wishes; index += 1) {
    acts.push({ id: `w${index}`, at: index === 0 ? 1_000 : dice.whole(0, endMs / 2), ...applyOf(dice, `w${index}`) });
  }
  const others = dice.whole(4, 20);
  for (let index = 0; index < others; index += 1) {
    acts.push({ id: `a${index}`, at: dice.whole(2_000, endMs - 1_000), ...actOf(dice, brokers, wishes) });
  }
  return { ...base, acts: acts.toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1)) };
}

type Doing = Act extends infer A ? (A extends Act ? Omit<A, 'id' | 'at'> : never) : never;

function applyOf(dice: Dice, workload: string): Doing {
  const shape = dice.one(SHAPE_NAMES);
  return { kind: 'apply', workload, shape, replicas: dice.whole(1, 4), isProtected: dice.chance(0.2) };
}

/** What happens, by how often. */
const WEIGHTS: Readonly<Record<ActKind, number>> = {
  apply: 4,
  delete: 2,
  policy: 1,
  crash: 10,
  restart: 1,
  jump: 2,
  calls: 14,
  outage: 3,
  'sold-out': 4,
  'rate-limit': 2,
  stuck: 2,
  strand: 2,
  quota: 1,
  prices: 2,
  interrupt: 4,
  lose: 3,
  stranger: 2,
  store: 3,
};
const KINDS = (Object.keys(WEIGHTS) as ActKind[]).flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));

function actOf(dice: Dice, brokers: number, wishes: number): Doing {
  const kind = dice.one(KINDS);
  const cloud = dice.one(CLOUDS);
  const region = dice.chance(0.4) ? null : dice.one(REGIONS[cloud]);
  const forMs = dice.whole(10, 180) * 1000;
  const workload = `w${dice.whole(0, wishes)}`;
  const broker = dice.whole(0, brokers - 1);
  switch (kind) {
    case 'apply':
      return applyOf(dice, workload);
    case 'delete':
      return { kind, workload };
    case 'policy':
      return { kind, policy: dice.one(POLICY_NAMES) };
    case 'crash': {
      const point = dice.one(CRASH_POINTS);
      const nth = dice.whole(1, point === 'any' ? 60 : 6);
      return { kind, broker, point, nth, downMs: dice.whole(0, 40) * 1000 };
    }
    case 'restart':
      return { kind, broker };
    case 'jump':
      return { kind, broker, ms: dice.whole(-45, 45) * 1000 };
    case 'calls': {
      const fault = dice.one(CALL_FAULTS);
      const operation = fault === 'partial-list' ? dice.one(['listOwned', 'listLeftovers']) : dice.one(OPERATIONS);
      return { kind, cloud, operation, fault, share: dice.one([0.2, 0.5, 1]), forMs };
    }
    case 'outage':
    case 'sold-out':
      return { kind, cloud, region, forMs };
    case 'rate-limit':
    case 'stuck':
    case 'strand':
    case 'quota':
      return { kind, cloud, forMs };
    case 'prices':
      return { kind, cloud, factor: dice.one([0.3, 2, 4]), forMs };
    case 'interrupt':
    case 'lose':
      return { kind, cloud: dice.chance(0.3) ? null : cloud, share: dice.one([0.3, 0.7, 1]) };
    case 'stranger':
      return { kind, cloud };
    case 'store':
      return { kind, share: dice.one([0.02, 0.1, 0.4]), forMs: dice.whole(5, 40) * 1000 };
  }
}
