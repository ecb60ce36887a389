import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import type { Clock } from '../domain/time.ts';
import type { World, WorldMachine } from './world/contract.ts';
import type { CloudId } from './world/market-facts.ts';

/** Clouds that tell of a spot notice inside the machine only (Azure's scheduled events): nothing outside hears of it but by call. */
export const TOLD_INSIDE: readonly CloudId[] = ['azure'];

const CALLBACK_FILE = '/etc/gpu-broker/callback.env';
/** Scheduled events are to be asked for once a second. World time. */
const POLL_MS = 1_000;
/** Pauses before a call is tried again. World time. */
const RETRY_PAUSES_MS = [1_000, 2_000, 4_000, 8_000] as const;
/** Real time: a broker that takes the connection and says nothing must not hold the agent. */
const CALL_TIMEOUT_MS = 10_000;

/** Where a machine reports to, as its boot script has it. */
export interface Callback {
  readonly url: string;
  readonly token: string;
}

export interface MachineAgentOptions {
  readonly world: Pick<World, 'machines' | 'stateOf' | 'machine' | 'facts'>;
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  /** Clouds to watch that this world holds. */
  readonly clouds: readonly CloudId[];
  /** What the machine boots with, decoded; null = nothing. */
  readonly userDataOf: (machine: WorldMachine) => string | null;
  /** Told, without secrets, what came of each notice that was not simply delivered. */
  readonly log: (message: string) => void;
}

export interface MachineAgent {
  /** Watches until the signal aborts; then resolves. Rejects never. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * What runs inside the emulated machines, as far as a broker sees it: a running machine that is given a spot notice posts
 * `{"kind":"notice","message":…,"deadlineAt":…}` to the callback in its boot script, once. Only loopback addresses are called.
 */
export function createMachineAgent(options: MachineAgentOptions): MachineAgent {
  const { world, clock, log } = options;
  /** Serials whose notice was taken up. */
  const taken = new Set<number>();
  const underWay = new Set<Promise<void>>();

  /** The machine as it is now while its programs run; null otherwise. */
  function alive(serial: number): WorldMachine | null {
    const machine = world.machine(serial);
    return machine !== null && world.stateOf(machine) === 'running' ? machine : null;
  }

  function watch(signal: AbortSignal): void {
    for (const { serial } of options.clouds.flatMap((cloud) => world.machines(cloud))) {
      const machine = taken.has(serial) ? null : alive(serial);
      if (machine === null || machine.noticeAt === null) continue;
      taken.add(serial);
      const call: Promise<void> = report(machine, machine.noticeAt, signal)
        .catch((error: unknown) => {
          if (!signal.aborted) log(`machine ${serial}: ${error instanceof Error ? error.message : String(error)}`);
        })
        .finally(() => underWay.delete(call));
      underWay.add(call);
    }
  }

  async function report(machine: WorldMachine, noticeAt: number, signal: AbortSignal): Promise<void> {
    const { serial, pool } = machine;
    const callback = readCallback(options.userDataOf(machine) ?? '');
    if (callback === null) return;
    if (!isLoopback(callback.url)) {
      log(`machine ${serial}: its callback is not on loopback, and is not called`);
      return;
    }
    const noticeMs = (world.facts(pool.cloud).behaviour.spotNoticeSeconds ?? 0) * 1000;
    const deadlineAt = new Date(noticeAt + noticeMs).toISOString();
    const body = JSON.stringify({ kind: 'notice', message: `The spot machine stops at ${deadlineAt}`, deadlineAt });
    await deliver(serial, callback, body, signal);
  }

  async function deliver(serial: number, callback: Callback, body: string, signal: AbortSignal): Promise<void> {
    for (const pauseMs of [...RETRY_PAUSES_MS, null]) {
      const outcome = await post(callback, body, signal);
      if (outcome === 'delivered') return;
      if (pauseMs === null || outcome.isFinal) {
        log(`machine ${serial}: its notice was not delivered: ${outcome.why}`);
        return;
      }
      await clock.sleep(pauseMs, signal);
      // A machine that has stopped calls nobody.
      if (alive(serial) === null) return;
    }
  }

  async function post(
    { url, token }: Callback,
    body: string,
    signal: AbortSignal,
  ): Promise<'delivered' | { readonly why: string; readonly isFinal: boolean }> {
    try {
      const response = await options.fetch(url, {
        ...{ method: 'POST', body, redirect: 'error' },
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      if (response.ok) return 'delivered';
      return { why: `status ${response.status}`, isFinal: response.status < 500 && response.status !== 429 };
    } catch {
      return { why: 'no answer', isFinal: signal.aborted };
    }
  }

  return {
    async run(signal) {
      try {
        while (!signal.aborted) {
          watch(signal);
          await clock.sleep(POLL_MS, signal);
        }
      } catch (error) {
        if (!signal.aborted)
          log(`the machine agent stopped: ${error instanceof Error ? error.message : String(error)}`);
      }
      await Promise.all(underWay);
    },
  };
}

const cloudConfig = z.object({
  write_files: z.array(z.object({ path: z.string(), content: z.string(), encoding: z.string().optional() })),
});

/** The callback in a `#cloud-config` boot script; null where there is none. */
export function readCallback(userData: string): Callback | null {
  if (!userData.startsWith('#cloud-config')) return null;
  const parsed = cloudConfig.safeParse(yamlOrNull(userData));
  const file = parsed.data?.write_files.find(({ path }) => path === CALLBACK_FILE);
  if (file === undefined) return null;
  const isBase64 = file.encoding === 'b64' || file.encoding === 'base64';
  const text = isBase64 ? Buffer.from(file.content, 'base64').toString('utf8') : file.content;
  const url = variableOf(text, 'GPU_BROKER_CALLBACK_URL');
  const token = variableOf(text, 'GPU_BROKER_CALLBACK_TOKEN');
  return url === null || token === null ? null : { url, token };
}

function yamlOrNull(text: string): unknown {
  try {
    return parseYaml(text);
  } catch {
    return null;
  }
}

function variableOf(environment: string, name: string): string | null {
  const line = environment.split('\n').find((candidate) => candidate.startsWith(`${name}=`));
  const value = line?.slice(name.length + 1).trim() ?? '';
  return value === '' ? null : value;
}

function isLoopback(url: string): boolean {
  const parsed = URL.parse(url);
  return (
    parsed !== null &&
    (parsed.protocol === 'http:' || parsed.protocol === 'https:') &&
    ['127.0.0.1', '[::1]', 'localhost'].includes(parsed.hostname)
  );
}
