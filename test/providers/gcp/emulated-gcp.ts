import { startClouds } from '../../../src/emulators/clouds.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { Fault, RunningClouds } from '../../../src/emulators/world/control-contract.ts';
import { createProvider } from '../../../src/providers/gcp/index.ts';
import type { Call, InstanceRef, LaunchRequest, Provider } from '../../../src/providers/provider.ts';

export const REGIONS = ['us-central1', 'europe-west4'];
export const EVERYWHERE = {
  ...{ cloud: 'gcp' as const, region: null, zone: null, instanceType: null, accelerator: null, market: null },
};

/** The emulated cloud with plenty of everything, and adapters that talk to it over HTTP. */
export interface EmulatedGcp {
  readonly clock: ManualClock;
  readonly clouds: RunningClouds;
  /** A fresh adapter: nothing is remembered from the others. */
  open(options?: Record<string, unknown>): Promise<Provider>;
  fault(kind: Fault['kind'], operation: string | null, more?: Partial<Fault>): void;
  /** How often the cloud was asked for this. */
  count(operation: string): number;
  close(): Promise<void>;
}

export async function startGcp(): Promise<EmulatedGcp> {
  const clock = createManualClock(Date.UTC(2026, 9, 1));
  const clouds = await startClouds({ seed: 11, clock, clouds: ['gcp'] });
  clouds.control.setFree(EVERYWHERE, 200);
  const opened: Provider[] = [];
  return {
    clock,
    clouds,
    async open(options = {}) {
      const provider = await createProvider({
        ...{ regions: REGIONS, endpoints: clouds.endpoints.gcp, certificateAuthority: null, clock },
        ...{ credentials: 'emulated', options: { project: 'gpu-fleet', catalogMaxAgeSeconds: 0, ...options } },
      });
      opened.push(provider);
      return provider;
    },
    fault(kind, operation, more = {}) {
      const fault: Fault = {
        ...{ id: `${kind} ${operation}`, cloud: 'gcp', operation, region: null, kind, delayMs: 0 },
        ...{ remaining: null, probability: 1, ...more },
      };
      clouds.control.addFault(fault);
    },
    count: (operation) => clouds.requests().filter((request) => request.operation === operation).length,
    async close() {
      await Promise.all(opened.map((provider) => provider.close()));
      await clouds.close();
    },
  };
}

export function call(): Call {
  return { signal: AbortSignal.timeout(20_000) };
}

export function launchOf(changes: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    ...{ owner: 'fleet', idempotencyKey: '01k8try', resend: false, accelerator: 'L4', count: 1, tags: {} },
    userData: null,
    pool: {
      ...{ provider: 'gcp', region: 'us-central1', zone: 'us-central1-a', market: 'spot', reservation: null },
      instanceType: 'g2-standard-4',
    },
    ...changes,
  };
}

export function refOf({ pool, idempotencyKey }: LaunchRequest, index = 0): InstanceRef {
  return { region: pool.region, zone: pool.zone, idempotencyKey, index, instanceId: null };
}
