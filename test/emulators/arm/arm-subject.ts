import { request as httpsRequest } from 'node:https';
import type { VirtualMachine } from '@azure/arm-compute';
import { ComputeManagementClient } from '@azure/arm-compute';
import { startClouds } from '../../../src/emulators/clouds.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { RunningClouds } from '../../../src/emulators/world/control-contract.ts';

export const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555';
export const LATENCY_MS = 5_000;
export const GROUP_PATH = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Gpus`;
const COMPUTE_PATH = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute`;

export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The emulated ARM with the official client, and with bare requests for what that client would never send. */
export interface ArmSubject {
  readonly clouds: RunningClouds;
  readonly clock: ManualClock;
  readonly client: ComputeManagementClient;
  plain(options: {
    readonly method?: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  }): Promise<PlainAnswer>;
  setFree(free: number): void;
  /** Resolves once accepted. The poller stays inside: it is a promise too, of the end of the operation. */
  create(name: string, changes?: Partial<VirtualMachine>): Promise<void>;
  close(): Promise<void>;
}

export async function startArm(): Promise<ArmSubject> {
  const clock = createManualClock(Date.UTC(2026, 10, 23, 12));
  const clouds = await startClouds({ seed: 3, clock, clouds: ['azure'], launchLatencyMs: { azure: LATENCY_MS } });
  const ca = clouds.certificateAuthority;
  const endpoint = clouds.endpoints.azure['resource-manager'] ?? '';
  const credential = { getToken: () => Promise.resolve({ token: 'any', expiresOnTimestamp: Date.UTC(2100, 0) }) };
  const client = new ComputeManagementClient(credential, SUBSCRIPTION, {
    endpoint,
    tlsOptions: { ca },
    retryOptions: { maxRetries: 0 },
  });
  return {
    clouds,
    clock,
    client,
    setFree: (free) => {
      const everywhere = { region: null, zone: null, instanceType: null, accelerator: null, market: null };
      clouds.control.setFree({ cloud: 'azure', ...everywhere }, free);
    },
    create: async (name, changes) => {
      await client.virtualMachines.createOrUpdate('Gpus', name, machineModel(changes)).submitted();
    },
    plain: ({ method = 'GET', path, headers = { authorization: 'Bearer any' }, body }) =>
      plainRequest(`${endpoint}${path}`, ca, method, headers, body),
    close: () => clouds.close(),
  };
}

function plainRequest(
  url: string,
  ca: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): Promise<PlainAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { method, headers, ca, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export function skusPath(filter: string): string {
  return `${COMPUTE_PATH}/skus?api-version=2021-07-01&$filter=${encodeURIComponent(filter)}`;
}

export function machinePath(name: string): string {
  return `${GROUP_PATH}/providers/Microsoft.Compute/virtualMachines/${name}`;
}

/** A machine as the SDK's model has it. */
export function machineModel(changes: Partial<VirtualMachine> = {}): VirtualMachine {
  return {
    location: 'eastus',
    zones: ['1'],
    tags: { team: 'research' },
    hardwareProfile: { vmSize: 'Standard_NC16as_T4_v3' },
    storageProfile: {
      imageReference: { publisher: 'p', offer: 'o', sku: 's', version: 'latest' },
      osDisk: { createOption: 'FromImage', deleteOption: 'Delete', diskSizeGB: 64 },
    },
    osProfile: {
      computerName: 'm',
      adminUsername: 'broker',
      customData: Buffer.from('SECRET').toString('base64'),
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: { publicKeys: [{ path: '/home/broker/.ssh/authorized_keys', keyData: 'ssh-ed25519 AAAA' }] },
      },
    },
    networkProfile: {
      networkApiVersion: '2022-11-01',
      networkInterfaceConfigurations: [
        {
          name: 'primary',
          deleteOption: 'Delete',
          ipConfigurations: [{ name: 'primary', subnet: { id: '/subnets/a' } }],
        },
      ],
    },
    ...changes,
  };
}
