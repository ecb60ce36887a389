import { afterEach } from 'vitest';
import { createLoopbackCertificate } from '../../../src/emulators/http/certificates.ts';
import type { Front, FrontRequest, FrontResponse } from '../../../src/emulators/http/front.ts';
import type { RequestLog } from '../../../src/emulators/http/request-log.ts';
import { createRequestLog } from '../../../src/emulators/http/request-log.ts';
import type { ServedFront } from '../../../src/emulators/http/server.ts';
import { serveFront } from '../../../src/emulators/http/server.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { VendorErrorFact } from '../../../src/emulators/world/contract.ts';
import type { Fault } from '../../../src/emulators/world/control-contract.ts';
import type { Faults } from '../../../src/emulators/world/faults.ts';
import { createFaults } from '../../../src/emulators/world/faults.ts';
import type { Outages } from '../../../src/emulators/world/outages.ts';
import { createOutages } from '../../../src/emulators/world/outages.ts';
import type { RateLimits } from '../../../src/emulators/world/rate-limits.ts';
import { createRateLimits } from '../../../src/emulators/world/rate-limits.ts';

export const START = Date.UTC(2026, 0, 5);

/** A front that tells back what it was asked, served over a real socket, with everything around it in reach. */
export interface Stage extends ServedFront {
  readonly clock: ManualClock;
  readonly faults: Faults;
  readonly rateLimits: RateLimits;
  readonly outages: Outages;
  readonly log: RequestLog;
  /** What reached the front. */
  readonly handled: FrontRequest[];
  /** The failure that each of them was to be given. */
  readonly forced: (VendorErrorFact | null)[];
  /** What the front threw. */
  readonly errors: unknown[];
  readonly certificateAuthority: string;
}

export interface StageOptions {
  readonly tls?: boolean;
  readonly handle?: (request: FrontRequest) => Promise<FrontResponse> | FrontResponse;
  readonly label?: Front['label'];
}

export async function serveEcho(options: StageOptions = {}): Promise<Stage> {
  const clock = createManualClock(START);
  const faults = createFaults(1);
  const rateLimits = createRateLimits(() => clock.now());
  const outages = createOutages();
  const world = { clock, isDown: outages.isDown };
  const log = createRequestLog();
  const handled: FrontRequest[] = [];
  const forced: (VendorErrorFact | null)[] = [];
  const errors: unknown[] = [];
  const certificate = await createLoopbackCertificate();
  const handle = options.handle ?? echo;
  const front: Front = {
    cloud: 'aws',
    service: 'ec2',
    tls: options.tls ?? false,
    label: options.label ?? (({ url }) => ({ operation: url.pathname.slice(1), region: null, mutating: true })),
    handle(request, forcedFailure = null) {
      handled.push(request);
      forced.push(forcedFailure);
      return handle(request);
    },
    faultResponse: (answer) => ({ status: 503, headers: { 'x-answer': answer }, body: answer }),
    vendorErrorResponse: ({ status, code }) => ({ status, headers: { 'x-code': code }, body: code }),
  };
  const onError = (error: unknown): unknown => errors.push(error);
  const served = await serveFront({ front, port: 0, world, faults, rateLimits, log, certificate, onError });
  return {
    ...served,
    clock,
    faults,
    rateLimits,
    outages,
    log,
    handled,
    forced,
    errors,
    certificateAuthority: certificate.certificateAuthority,
  };
}

function echo({ method, url, body, headers }: FrontRequest): FrontResponse {
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ method, path: `${url.pathname}${url.search}`, body: body.toString('utf8'), headers }),
  };
}

export function faultOf(change: Partial<Fault>): Fault {
  const any = { cloud: null, operation: null, region: null, delayMs: 0, remaining: null, probability: 1 };
  return { id: 'fault', kind: 'throttle', ...any, ...change };
}

/** Serves stages that are closed after each test of the file. */
export function stagesForEachTest(): (options?: StageOptions) => Promise<Stage> {
  const stages: Stage[] = [];
  afterEach(async () => {
    await Promise.all(stages.splice(0).map((stage) => stage.close()));
  });
  return async (options = {}) => {
    const stage = await serveEcho(options);
    stages.push(stage);
    return stage;
  };
}

/** The code of the network error, or the status of the answer. */
export async function result(promise: Promise<Response>): Promise<string | number> {
  try {
    return (await promise).status;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : null;
    return cause instanceof Error && 'code' in cause ? String(cause.code) : String(error);
  }
}
