/** A client that is not ours, and not JavaScript, drives the emulated AWS: Debian's python3-boto3. */
import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AwsClouds } from '../emulators/ec2/aws-clouds.ts';
import { IMAGE, startAws } from '../emulators/ec2/aws-clouds.ts';

const SCRIPT = path.join(import.meta.dirname, 'aws_boto3.py');
const run = promisify(execFile);

/** Debian's own Python first: another one in front of it on the path does not see Debian's packages. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

/** Null where this Python or its boto3 is missing. */
function boto3Version(python: string): string | null {
  const parameters = ['-c', 'import boto3; print(boto3.__version__)'];
  try {
    return execFileSync(python, parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

const python = PYTHONS.find((candidate) => boto3Version(candidate) !== null) ?? null;
const version = python === null ? null : boto3Version(python);
if (version === null) {
  process.stderr.write('boto3: skipped, python3 with boto3 is not installed (Debian: apt-get install python3-boto3)\n');
}

describe.skipIf(version === null)(`boto3 ${version ?? ''}`, () => {
  let aws: AwsClouds;

  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(async () => {
    await aws.close();
  });

  it('drives the documented calls', async () => {
    const { ec2 = '', pricing = '', sqs = '', ...others } = aws.clouds.endpoints.aws;
    const { stdout } = await run(python ?? '', [SCRIPT], {
      env: {
        ...process.env,
        ...{ EC2_URL: ec2, PRICING_URL: pricing, SQS_URL: sqs, QUOTAS_URL: others['service-quotas'] ?? '', IMAGE },
        // Nothing of this machine's own configuration may be read, and no metadata service asked.
        ...{
          AWS_CONFIG_FILE: '/dev/null',
          AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
          AWS_EC2_METADATA_DISABLED: 'true',
        },
      },
    });
    const { world } = aws.clouds;
    const zoneIds = world.region('aws', 'us-east-1')?.zones.map(({ physicalId }) => physicalId) ?? [];
    const { offerings, spotPrices, types, queue, ...found } = JSON.parse(stdout);
    const isQueueAsked = queue === 'json';
    if (!isQueueAsked) process.stderr.write(`boto3 ${version} speaks SQS’s older protocol: the queue is left out\n`);
    expect(found).toEqual({
      gpu: ['A10G', 1, world.instanceType('aws', 'g5.xlarge')?.gpuMemoryMiB],
      zoneIds: zoneIds.toSorted(),
      dryRun: [412, 'DryRunOperation'],
      sameToken: true,
      started: 3,
      otherParameters: [400, 'IdempotentParameterMismatch'],
      unknownType: [400, 'InvalidParameterValue'],
      listed: true,
      state: ['pending'],
      volumes: [3, ['in-use']],
      volumeInUse: [400, 'VolumeInUse'],
      terminateDryRun: [412, 'DryRunOperation'],
      oneUnknown: [400, 'InvalidInstanceID.NotFound'],
      terminated: ['shutting-down'],
      // One zone does not sell the type.
      scores: [1, 10],
      reservations: [],
      products: ['g5.xlarge'],
      quota: world.quotas('aws', 'us-east-1').find(({ fact }) => fact.name === 'L-DB2E81BA')?.limit,
      ...(isQueueAsked
        ? {
            deleted: expect.any(Number) as number,
            states: ['pending', 'shutting-down'],
            noQueue: [400, 'QueueDoesNotExist'],
          }
        : {}),
    });
    expect(types).toHaveLength(8);
    expect(offerings).toHaveLength(world.zonesOffering('aws', 'us-east-1', 'g5.xlarge').length);
    expect(spotPrices).toHaveLength(5);
    for (const price of spotPrices) expect(price).toBeGreaterThan(0);
    const agents = new Set(aws.clouds.requests().map(({ userAgent }) => userAgent.split('/')[0]));
    expect(agents).toEqual(new Set(['Boto3']));
  });
});
