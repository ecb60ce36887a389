import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startClouds } from '../../../src/emulators/clouds.ts';
import { createManualClock, type ManualClock } from '../../../src/emulators/world/clocks.ts';
import type { WorldMachine } from '../../../src/emulators/world/contract.ts';
import type { Fault, PoolPattern, RunningClouds } from '../../../src/emulators/world/control-contract.ts';
import type { Call, LaunchRequest, Provider, ProviderSettings } from '../../../src/providers/provider.ts';
import { loadProvider } from '../../../src/providers/registry.ts';

export const EVERYTHING: PoolPattern = {
  ...{ cloud: 'lambda', region: null, zone: null, instanceType: null, accelerator: null, market: null },
};
export const REGIONS = ['us-east-1', 'us-west-1'];
export const OWNER = 'me';

export interface LambdaStage {
  readonly provider: Provider;
  readonly clouds: RunningClouds;
  readonly clock: ManualClock;
  readonly settings: ProviderSettings;
  /** Pending, running or stopping. */
  living(): readonly WorldMachine[];
  sent(operation: string): number;
  fault(fault: Partial<Fault> & Pick<Fault, 'kind'>): void;
  close(): Promise<void>;
}

export async function startStage(): Promise<LambdaStage> {
  const clock = createManualClock(Date.UTC(2026, 9, 5, 8));
  const clouds = await startClouds({ seed: 7, clock, clouds: ['lambda'] });
  clouds.control.setFree(EVERYTHING, 40);
  const settings: ProviderSettings = {
    regions: REGIONS,
    endpoints: clouds.endpoints.lambda,
    certificateAuthority: clouds.certificateAuthority,
    credentials: 'emulated',
    options: { sshKeyName: 'gpu-broker', catalogMaxAgeSeconds: 0 },
    clock,
  };
  const provider = await loadProvider('lambda', settings);
  return {
    ...{ provider, clouds, clock, settings },
    living: () =>
      clouds.world
        .machines('lambda')
        .filter((machine) => ['pending', 'running', 'stopping'].includes(clouds.world.stateOf(machine))),
    sent: (operation) => clouds.requests().filter((request) => request.operation === operation).length,
    fault(fault) {
      const everything = { operation: null, region: null, delayMs: 0, remaining: null, probability: 1 };
      clouds.control.addFault({ id: 'fault', cloud: 'lambda', ...everything, ...fault });
    },
    async close() {
      await provider.close();
      await clouds.close();
    },
  };
}

export function call(): Call {
  return { signal: AbortSignal.timeout(20_000) };
}

export function aRequest(change: Partial<LaunchRequest> = {}): LaunchRequest {
  const [region = ''] = REGIONS;
  return {
    ...{ owner: OWNER, idempotencyKey: '01k8attempt', resend: false, accelerator: 'A10', count: 1 },
    ...{ tags: { workload: 'train-7' }, userData: null },
    pool: {
      ...{ provider: 'lambda', region, zone: null, instanceType: 'gpu_1x_a10', market: 'on-demand' },
      reservation: null,
    },
    ...change,
  };
}

export interface Served {
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
  close(): Promise<void>;
}

/** An API that answers every request as told, for what the emulated cloud does not do. */
export async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Served> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The adapter against an API of one's own. */
export function providerAt(url: string, change: Partial<ProviderSettings> = {}): Promise<Provider> {
  return loadProvider('lambda', {
    ...{ regions: REGIONS, endpoints: { api: url }, certificateAuthority: null, credentials: 'emulated' },
    ...{ options: { sshKeyName: 'gpu-broker' }, clock: createManualClock(Date.UTC(2026, 9, 5, 8)) },
    ...change,
  });
}
