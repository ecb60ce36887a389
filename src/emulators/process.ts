import { rename, writeFile } from 'node:fs/promises';
import type { EpochMs } from '../domain/time.ts';
import { startClouds } from './clouds.ts';
import { createScaledClock } from './world/clocks.ts';
import type { MarketTrace, RunningClouds } from './world/control-contract.ts';
import { DOCUMENTED_LIMITS } from './world/documented-limits.ts';
import { loadTrace } from './world/load-trace.ts';
import type { CloudId } from './world/market-facts.ts';
import type { RateLimitRule } from './world/rate-limits.ts';

export interface CloudsProcessOptions {
  readonly seed: number;
  /** World seconds per real second, > 0; default 1. */
  readonly speed?: number;
  /** The world's time at the start; default: the time of day. */
  readonly startAt?: EpochMs;
  /** Ports by service (`ec2`, `resource-manager` … and `control`); 0 or missing = any free one. */
  readonly ports?: Readonly<Record<string, number>>;
  /** Default: all. */
  readonly clouds?: readonly CloudId[];
  readonly interruptionsPerHour?: number;
  /** How long reads lag behind launches, in world time; default: 300 ms on AWS, none elsewhere. */
  readonly visibilityDelayMs?: Readonly<Partial<Record<CloudId, number>>>;
  /** Whether the API rate limits that the clouds document are in force; default true. */
  readonly rateLimits?: boolean;
  /** A recorded market to replay from the start on (`world/load-trace.ts`), `traceSpeed` times as fast as recorded. */
  readonly traceFile?: string;
  readonly traceSpeed?: number;
  /** Write the ready line to this file (whole or not at all) instead of to standard output. */
  readonly readyFile?: string;
  /** Stop when standard input ends, so that the clouds do not outlive the program that holds the other end. Default false. */
  readonly stopWhenInputEnds?: boolean;
}

/** The line that says that the clouds are there, as JSON. */
export interface CloudsReady {
  readonly ready: true;
  readonly pid: number;
  readonly seed: number;
  readonly endpoints: RunningClouds['endpoints'];
  readonly certificateAuthority: string;
  readonly controlUrl: string;
}

const VISIBILITY_DELAY_MS: Readonly<Partial<Record<CloudId, number>>> = { aws: 300 };

/**
 * What the command `gpu-broker clouds` runs: the emulated clouds until SIGTERM or SIGINT. Rejects when they cannot start, with
 * `TraceError` or RangeError when the recorded market is wrong.
 * A front that throws is reported on standard error; the clouds go on, as clouds do.
 */
export async function runCloudsProcess(options: CloudsProcessOptions): Promise<void> {
  const { seed, speed = 1, startAt, interruptionsPerHour = 0, ports = {}, clouds } = options;
  // Before the start, so that no signal finds the process without a handler.
  const stop = listenForStop(options.stopWhenInputEnds ?? false);
  let running: RunningClouds | null = null;
  try {
    const trace = await traceOf(options);
    running = await startClouds({
      ...{ seed, ports, interruptionsPerHour },
      clock: createScaledClock({ speed, ...(startAt === undefined ? {} : { startAt }) }),
      visibilityDelayMs: options.visibilityDelayMs ?? VISIBILITY_DELAY_MS,
      ...(clouds === undefined ? {} : { clouds }),
      ...(trace === null ? {} : { trace }),
      rateLimits: limitsOf(options),
      machineAgent: { log: (message) => process.stderr.write(`${message}\n`) },
      onError: report,
    });
    await announce(running, options.readyFile ?? null);
    await stop.asked;
  } finally {
    stop.release();
    await running?.close();
  }
}

async function traceOf({ traceFile, traceSpeed = 1 }: CloudsProcessOptions): Promise<MarketTrace | null> {
  return traceFile === undefined ? null : loadTrace(traceFile, { speed: traceSpeed });
}

function limitsOf({ rateLimits = true }: CloudsProcessOptions): readonly RateLimitRule[] {
  return rateLimits ? DOCUMENTED_LIMITS : [];
}

function report(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}

async function announce(running: RunningClouds, readyFile: string | null): Promise<void> {
  const { endpoints, certificateAuthority, controlUrl } = running;
  const { seed } = running.world;
  const ready: CloudsReady = { ready: true, pid: process.pid, seed, endpoints, certificateAuthority, controlUrl };
  const line = `${JSON.stringify(ready)}\n`;
  if (readyFile === null) {
    process.stdout.write(line);
    return;
  }
  // A reader that waits for the file must never see half of it.
  const draft = `${readyFile}.${process.pid}`;
  await writeFile(draft, line);
  await rename(draft, readyFile);
}

interface StopListener {
  readonly asked: Promise<void>;
  /** Nothing of it keeps the process alive any more. */
  release(): void;
}

function listenForStop(whenInputEnds: boolean): StopListener {
  const { promise: asked, resolve: stop } = Promise.withResolvers<void>();
  function wake(): void {
    stop();
  }
  process.on('SIGTERM', wake).on('SIGINT', wake);
  if (whenInputEnds) process.stdin.resume().on('end', wake).on('error', wake);
  return {
    asked,
    release() {
      process.off('SIGTERM', wake).off('SIGINT', wake);
      if (whenInputEnds) process.stdin.off('end', wake).pause();
    },
  };
}
