import type { Pool } from '../../../src/domain/pool.ts';
import { startClouds } from '../../../src/emulators/clouds.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { FaultKind, LoggedRequest, RunningClouds } from '../../../src/emulators/world/control-contract.ts';
import { createProvider } from '../../../src/providers/azure/index.ts';
import type { Call, LaunchRequest, Provider, ProviderSettings } from '../../../src/providers/provider.ts';
import { ProviderError } from '../../../src/providers/provider.ts';

export const STARTED_AT = Date.UTC(2026, 10, 23, 12);
export const LATENCY_MS = 5_000;
/** Between a user's delete and the end, with room to spare. */
export const STOPPING_MS = 10_000;

/** A whole emulated Azure of its own, on a clock that stands still, with adapters to it. */
export interface EmulatedAzure {
  readonly clouds: RunningClouds;
  readonly clock: ManualClock;
  settings(changes?: Partial<ProviderSettings>): ProviderSettings;
  /** An adapter that knows nothing of the others. */
  adapter(changes?: Partial<ProviderSettings>): Promise<Provider>;
  fail(kind: FaultKind, operation: string, remaining?: number): void;
  requests(operation: string): readonly LoggedRequest[];
  close(): Promise<void>;
}

export async function startEmulatedAzure(): Promise<EmulatedAzure> {
  const clock = createManualClock(STARTED_AT);
  const clouds = await startClouds({ seed: 7, clock, clouds: ['azure'], launchLatencyMs: { azure: LATENCY_MS } });
  const adapters: Provider[] = [];
  let faults = 0;

  function settings(changes: Partial<ProviderSettings> = {}): ProviderSettings {
    return {
      regions: ['eastus', 'southcentralus', 'westeurope'],
      endpoints: clouds.endpoints.azure,
      certificateAuthority: clouds.certificateAuthority,
      credentials: 'emulated',
      options: {},
      clock,
      ...changes,
    };
  }

  return {
    clouds,
    clock,
    settings,
    async adapter(changes) {
      const provider = await createProvider(settings(changes));
      adapters.push(provider);
      return provider;
    },
    fail(kind, operation, remaining = 1) {
      faults += 1;
      const id = `fault-${faults}`;
      const fault = { id, cloud: 'azure' as const, operation, region: null, kind, delayMs: 3_600_000 };
      clouds.control.addFault({ ...fault, remaining, probability: 1 });
    },
    requests: (operation) => clouds.requests().filter((request) => request.operation === operation),
    async close() {
      await Promise.all(adapters.map((provider) => provider.close()));
      await clouds.close();
    },
  };
}

export function anyCall(): Call {
  return { signal: new AbortController().signal };
}

export const T4_POOL: Pool = {
  provider: 'azure',
  region: 'southcentralus',
  zone: '1',
  instanceType: 'Standard_NC16as_T4_v3',
  market: 'on-demand',
  reservation: null,
};

export function launchRequest(changes: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    owner: 'broker-a',
    idempotencyKey: '01attempt',
    resend: false,
    accelerator: 'T4',
    pool: T4_POOL,
    count: 1,
    tags: { team: 'research' },
    userData: '#cloud-config\n',
    ...changes,
  };
}

/** Machines free in every zone and market of the T4 size used by the tests. */
export function setFree(azure: EmulatedAzure, free: number, instanceType: string = T4_POOL.instanceType): void {
  const pattern = { cloud: 'azure' as const, region: null, zone: null, instanceType, accelerator: null, market: null };
  azure.clouds.control.setFree(pattern, free);
}

/** How a call failed, which must be in the contract's words. */
export async function errorOf(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ProviderError) return error;
  throw new Error(`expected a ProviderError, not ${String(error)}`);
}
