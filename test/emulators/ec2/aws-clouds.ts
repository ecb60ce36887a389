import { EC2Client } from '@aws-sdk/client-ec2';
import { startClouds } from '../../../src/emulators/clouds.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { PoolPattern, RunningClouds } from '../../../src/emulators/world/control-contract.ts';

export const STARTED_AT = Date.UTC(2026, 10, 2, 12);
export const CREDENTIALS = { accessKeyId: 'EMULATED', secretAccessKey: 'emulated' };
export const IMAGE = 'ami-0123456789abcdef0';

export const EVERY_POOL: PoolPattern = {
  cloud: 'aws',
  region: null,
  zone: null,
  instanceType: null,
  accelerator: null,
  market: null,
};

export interface AwsClouds {
  readonly clouds: RunningClouds;
  readonly clock: ManualClock;
  /** The unmodified SDK client, without retries of its own. */
  ec2(region?: string): EC2Client;
  close(): Promise<void>;
}

/** A fresh emulated AWS with plenty of everything, spoken to by the real SDK. */
export async function startAws(): Promise<AwsClouds> {
  const clock = createManualClock(STARTED_AT);
  const clouds = await startClouds({ seed: 11, clock, clouds: ['aws'] });
  clouds.control.setFree(EVERY_POOL, 50);
  const clients: EC2Client[] = [];
  return {
    clouds,
    clock,
    ec2(region = 'us-east-1') {
      const client = new EC2Client({
        region,
        endpoint: clouds.endpoints.aws['ec2'] ?? '',
        credentials: CREDENTIALS,
        maxAttempts: 1,
      });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.destroy();
      await clouds.close();
    },
  };
}

/** What the cloud answered instead of a result: `400 InvalidAMIID.Malformed`. Fails the test when it answered at all well. */
export async function refusal(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof Error)) throw new TypeError('something that is no error was thrown');
    const metadata: unknown = Object.entries(error).find(([name]) => name === '$metadata')?.[1];
    const status =
      typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata ? metadata.httpStatusCode : '-';
    return `${String(status)} ${error.name}: ${error.message}`;
  }
  throw new Error('the cloud accepted it');
}
