import type { Plan, PlanInput } from '../domain/plan.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { Clock, EpochMs } from '../domain/time.ts';
import type { Provider } from '../providers/provider.ts';
import type { Store } from '../store/open-store.ts';
import type { NewId } from './ids.ts';

/** How the broker paces itself; from `config/broker.yaml`. */
export interface BrokerSettings {
  /** Written on everything the broker owns in a cloud. */
  readonly owner: string;
  readonly offersSeconds: number;
  readonly quotasSeconds: number;
  /** Regions of a provider that are read at once; providers that are absent have the default. */
  readonly concurrency: ReadonlyMap<ProviderId, number>;
  readonly reconcileSeconds: number;
  readonly sweepSeconds: number;
  /** Between two looks for interruption notices. */
  readonly interruptionsSeconds: number;
  /** Between two looks for a rebalance that pays. */
  readonly rebalanceSeconds: number;
  /** A launch that is not running after this is given up and placed elsewhere. */
  readonly attemptTimeoutSeconds: number;
  /** How long a cloud may deny a machine that it has accepted (reads lag behind writes). */
  readonly visibilitySeconds: number;
  /** A machine nobody accounts for is left alone until it is this old. */
  readonly orphanGraceSeconds: number;
  /** Whether orphans of unknown origin are removed, or only reported. */
  readonly removeOrphans: boolean;
}

/** The part of pino's logger that the broker uses: a static message, values in fields. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Planner {
  /** `deadlineMs`: past it, the first good answer will do. */
  plan(
    input: PlanInput,
    signal?: AbortSignal,
    options?: { readonly deadlineMs?: number | null; readonly effort?: Plan['effort'] },
  ): Promise<Plan>;
  close(): Promise<void>;
}

/** What the broker's parts share. */
export interface BrokerContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: NewId;
  /** A new secret for one machine: 43 characters of base64url, 256 bits that nobody can guess. */
  readonly newToken: () => string;
  /** Base URL of this broker as machines reach it; null = they cannot. */
  readonly callbackUrl: () => string | null;
  readonly providers: ReadonlyMap<ProviderId, Provider>;
  /** Regions each provider was configured with. */
  readonly regions: ReadonlyMap<ProviderId, readonly string[]>;
  readonly settings: BrokerSettings;
  readonly logger: Logger;
  /** Names this process as the holder of locks. */
  readonly holder: string;
  readonly signal: AbortSignal;
  /** Something is to be placed. */
  readonly wakePlacing: () => void;
  /** Some lease has work to do. */
  readonly wakeLeases: () => void;
}

export function secondsFrom(now: EpochMs, seconds: number): EpochMs {
  return now + seconds * 1000;
}
