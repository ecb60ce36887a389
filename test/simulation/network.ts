import type { CreatedWorld } from '../../src/emulators/world/create-world.ts';
import type { CloudId } from '../../src/emulators/world/market-facts.ts';
import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';
import { type Call, ProviderError, type ProviderErrorKind } from '../../src/providers/provider.ts';
import type { BrokerProcess, Point } from './process.ts';
import type { SimulatedTime } from './time.ts';
import type { Trace } from './trace.ts';

export const CALL_FAULTS = [
  /** The request never arrives. */
  'lost-request',
  /** It is carried out; the caller hears nothing. */
  'lost-reply',
  /** It is carried out twice. */
  'duplicate',
  /** It arrives late: perhaps after the caller has given up, or died. */
  'late-request',
  /** The answer comes late. */
  'slow-reply',
  'throttled',
  /** The cloud's own failure; nothing is carried out. */
  'unavailable',
  /** An error that no adapter knows. */
  'unknown-code',
  /** A listing shows only a part, and says so. */
  'partial-list',
] as const;
export type CallFault = (typeof CALL_FAULTS)[number];

/** Calls that go wrong: a share of those that match, while it lasts. */
export interface FaultyCalls {
  readonly id: string;
  readonly cloud: CloudId;
  /** Null = all operations. */
  readonly operation: string | null;
  readonly fault: CallFault;
  readonly share: number;
  readonly from: number;
  readonly until: number;
}

export interface Request<T> {
  readonly process: BrokerProcess;
  readonly cloud: CloudId;
  readonly operation: string;
  /** Null = answers for several regions, some of which may be down. */
  readonly region: string | null;
  readonly mutating: boolean;
  readonly call: Call;
  /** For the trace. */
  readonly what: string;
  /** At the cloud, at once. `partial`: show only a part. */
  carryOut(partial: boolean): T;
  /** What is to be judged before it is carried out. */
  before?(): Promise<void>;
}

export interface Network {
  send<T>(request: Request<T>): Promise<T>;
  add(fault: FaultyCalls): void;
  clear(): void;
}

const POINTS: Readonly<Record<string, Point>> = { launch: 'launch', terminate: 'terminate' };
const LONGEST_LATE_MS = 50_000;
const USUAL_MS = 400;

export function createNetwork(options: {
  readonly seed: number;
  readonly time: SimulatedTime;
  readonly trace: Trace;
  readonly clouds: CreatedWorld;
}): Network {
  const { seed, time, trace, clouds } = options;
  const stream = streamOf(seed, 'latency');
  const faults: { readonly fault: FaultyCalls; draws: number }[] = [];
  let sent = 0;

  function draw(): number {
    sent += 1;
    return uniformAt(stream, sent);
  }

  function faultFor(cloud: CloudId, operation: string): CallFault | null {
    const now = time.now();
    for (const entry of faults) {
      const { fault } = entry;
      const hits = fault.cloud === cloud && (fault.operation === null || fault.operation === operation);
      if (!hits || now < fault.from || now >= fault.until) continue;
      if (fault.fault === 'partial-list' && !operation.startsWith('list')) continue;
      entry.draws += 1;
      if (uniformAt(streamOf(seed, `fault/${fault.id}`), entry.draws) < fault.share) return fault.fault;
    }
    return null;
  }

  function refusalAtTheDoor<T>(
    { cloud, operation, region }: Request<T>,
    fault: CallFault | null,
  ): ProviderError | null {
    const error = (kind: ProviderErrorKind, code: string, more: object = {}) =>
      new ProviderError({ kind, provider: cloud, operation, code, message: code, ...more });
    if (clouds.world.isDown(cloud, region)) return error('unavailable', 'Outage');
    if (fault === 'throttled' || !clouds.rateLimits.take({ cloud, bucket: operation, region })) {
      return error('rate-limited', 'Throttled', { retryAfterSeconds: 2 });
    }
    if (fault === 'unavailable') return error('unavailable', 'InternalError');
    if (fault === 'unknown-code') return error('unavailable', 'NeverSeenBefore', { unknownCode: true });
    return null;
  }

  /** What the caller can know when the connection ended without an answer. */
  function unheard<T>({ cloud, operation, mutating }: Request<T>): ProviderError {
    const kind = mutating ? 'outcome-unknown' : 'unavailable';
    return new ProviderError({ kind, provider: cloud, operation, code: '', message: 'the connection was reset' });
  }

  /** The request arrives. The caller may be gone: what was sent is sent. */
  async function arrive<T>(request: Request<T>, fault: CallFault | null): Promise<T> {
    await request.before?.();
    trace.tell(
      `${request.process.name} > ${request.cloud} ${request.operation} ${request.what}${fault === null ? '' : ` (${fault})`}`,
    );
    const answer = request.carryOut(fault === 'partial-list');
    if (fault === 'duplicate') {
      try {
        request.carryOut(false);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
      }
    }
    return answer;
  }

  async function exchange<T>(request: Request<T>): Promise<T> {
    const fault = faultFor(request.cloud, request.operation);
    if (fault !== null) trace.count(`fault: ${fault}`);
    const latency = 5 + draw() ** 3 * USUAL_MS;
    if (fault === 'late-request') {
      const arrival = time.sleep(latency + draw() * LONGEST_LATE_MS).then(() => arrive(request, null));
      // Whether or not the caller still waits.
      arrival.catch(() => {});
      return await untilAborted(arrival, request.call.signal);
    }
    await time.sleep(latency, request.call.signal);
    if (fault === 'lost-request') {
      await time.sleep(draw() * 10_000, request.call.signal);
      throw unheard(request);
    }
    const refusal = refusalAtTheDoor(request, fault);
    if (refusal !== null) throw refusal;
    const answer = await arrive(request, fault);
    await time.sleep(5 + draw() * 40 + (fault === 'slow-reply' ? draw() * LONGEST_LATE_MS : 0), request.call.signal);
    if (fault === 'lost-reply') throw unheard(request);
    return answer;
  }

  return {
    send: async (request) => {
      const point = POINTS[request.operation] ?? 'call';
      await request.process.gate(point, `before ${request.cloud} ${request.operation}`);
      request.call.signal.throwIfAborted();
      try {
        return await exchange(request);
      } finally {
        await request.process.gate(point, `after ${request.cloud} ${request.operation}`);
      }
    },
    add: (fault) => {
      faults.push({ fault, draws: 0 });
    },
    clear: () => {
      faults.length = 0;
    },
  };
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
