import { afterEach, beforeEach } from 'vitest';
import type { Pool } from '../../../src/domain/pool.ts';
import type { Fault, FaultKind } from '../../../src/emulators/world/control-contract.ts';
import { createProvider } from '../../../src/providers/aws/index.ts';
import type { InstanceRef, LaunchRequest, Provider, ProviderSettings } from '../../../src/providers/provider.ts';
import type { AwsClouds } from '../../emulators/ec2/aws-clouds.ts';
import { startAws } from '../../emulators/ec2/aws-clouds.ts';

export const REGIONS = ['us-east-2', 'eu-west-1'];
export const CALL = { signal: new AbortController().signal };
export const POOL: Pool = {
  provider: 'aws',
  region: 'us-east-2',
  zone: 'us-east-2a',
  instanceType: 'g5.xlarge',
  market: 'on-demand',
  reservation: null,
};

/** The adapter, and a fresh emulated AWS with plenty of everything behind it. */
export interface AwsSubject {
  readonly aws: AwsClouds;
  readonly provider: Provider;
  /** Another adapter on the same clouds. */
  open(changes?: Partial<ProviderSettings>): Promise<Provider>;
  /** The next request for the operation fails so, or as `changes` says. */
  fail(kind: FaultKind, operation: string, changes?: Partial<Fault>): void;
  close(): Promise<void>;
}

/** Gives each test of the file a subject of its own, and closes it afterwards. */
export function subjectForEachTest(take: (fresh: AwsSubject) => void): void {
  let fresh: AwsSubject | null = null;
  beforeEach(async () => {
    fresh = await startSubject();
    take(fresh);
  });
  afterEach(async () => {
    await fresh?.close();
    fresh = null;
  });
}

export async function startSubject(settings: Partial<ProviderSettings> = {}): Promise<AwsSubject> {
  const aws = await startAws();
  const opened: Provider[] = [];
  async function open(changes: Partial<ProviderSettings> = {}): Promise<Provider> {
    const provider = await createProvider({
      regions: REGIONS,
      endpoints: aws.clouds.endpoints.aws,
      certificateAuthority: null,
      credentials: 'emulated',
      options: {},
      clock: aws.clock,
      ...settings,
      ...changes,
    });
    opened.push(provider);
    return provider;
  }
  return {
    aws,
    provider: await open(),
    open,
    fail(kind, operation, changes = {}) {
      const fault = { id: `${kind} ${operation}`, cloud: 'aws', operation, region: null, kind } as const;
      aws.clouds.control.addFault({ ...fault, delayMs: 0, remaining: 1, probability: 1, ...changes });
    },
    async close() {
      await Promise.all(opened.map((provider) => provider.close()));
      await aws.close();
    },
  };
}

export function request(changes: Partial<LaunchRequest> = {}): LaunchRequest {
  const standard = { owner: 'us', idempotencyKey: 'key1', resend: false, pool: POOL, accelerator: 'A10G', count: 1 };
  return { ...standard, tags: { workload: 'w' }, userData: null, ...changes };
}

export function byKey(index = 0): InstanceRef {
  return { region: POOL.region, zone: POOL.zone, idempotencyKey: 'key1', index, instanceId: null };
}
