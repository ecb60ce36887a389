/** Elastic IP addresses and the edges of cleaning up; the rest is every adapter's (`test/conformance/`). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorldPart } from '../../../src/emulators/world/contract.ts';
import type { Leftover, Provider } from '../../../src/providers/provider.ts';
import type { AwsClouds } from '../../emulators/ec2/aws-clouds.ts';
import type { AwsSubject } from './aws-subject.ts';
import { CALL, POOL, REGIONS, request, startSubject } from './aws-subject.ts';

let subject: AwsSubject;
let aws: AwsClouds;
let provider: Provider;

beforeAll(async () => {
  subject = await startSubject();
  ({ aws, provider } = subject);
});
afterAll(async () => {
  await subject.close();
});

function addAddress(name: string, changes: Partial<WorldPart> = {}): WorldPart {
  return aws.clouds.world.addPart({
    ...{ cloud: 'aws', region: POOL.region, zone: null, kind: 'address', name, machine: null, life: 'until-removed' },
    ...{ tags: { 'gpu-broker-owner': 'us' }, details: {} },
    ...changes,
  });
}

async function leftovers(): Promise<readonly Leftover[]> {
  const { leftovers: found, regions } = await provider.listLeftovers({ owner: 'us', regions: REGIONS }, CALL);
  expect(regions.every(({ complete }) => complete)).toBe(true);
  return found;
}

describe('leftovers', () => {
  it('an address that is associated with nothing is listed and released; one in use is left alone', async () => {
    const { instances } = await provider.launch(request(), CALL);
    const serial = Number.parseInt(instances[0]?.ref.instanceId?.slice(2) ?? '', 16);
    const free = 'eipalloc-000000000000000f1';
    const used = 'eipalloc-000000000000000f2';
    addAddress(free, { tags: { 'gpu-broker-owner': 'us', 'gpu-broker-attempt': 'key9' } });
    addAddress(used, { machine: serial });
    addAddress('eipalloc-000000000000000f3', { tags: { 'gpu-broker-owner': 'them' } });
    const [found, ...others] = await leftovers();
    expect(others).toEqual([]);
    expect(found).toEqual({
      kind: 'address',
      region: POOL.region,
      zone: null,
      id: free,
      owner: 'us',
      idempotencyKey: 'key9',
      createdAt: null,
    });
    if (found === undefined) return;
    expect(await provider.removeLeftover(found, CALL)).toBe('gone');
    expect(await provider.removeLeftover(found, CALL)).toBe('gone');
    await expect(provider.removeLeftover({ ...found, id: used }, CALL)).rejects.toMatchObject({
      kind: 'conflict',
      code: 'InvalidIPAddress.InUse',
    });
    expect(await leftovers()).toEqual([]);
  });

  it.each([
    ['disk', 'VolumeInUse'],
    ['network-interface', 'InvalidNetworkInterface.InUse'],
  ] as const)('a %s that a machine uses is a conflict', async (kind, code) => {
    const part = aws.clouds.world.parts('aws').find((each) => each.kind === kind && aws.clouds.world.isInUse(each));
    const left = { kind, region: POOL.region, zone: null, id: part?.name ?? '', owner: 'us', idempotencyKey: null };
    await expect(provider.removeLeftover({ ...left, createdAt: null }, CALL)).rejects.toMatchObject({
      kind: 'conflict',
      code,
    });
  });

  it('a removal is sent once, and one whose answer is lost is unknown', async () => {
    const id = 'eipalloc-000000000000000f4';
    addAddress(id);
    const left = { kind: 'address', region: POOL.region, zone: null, id, owner: 'us', idempotencyKey: null } as const;
    const before = aws.clouds.requests().length;
    subject.fail('lost-reply', 'ReleaseAddress');
    await expect(provider.removeLeftover({ ...left, createdAt: null }, CALL)).rejects.toMatchObject({
      kind: 'outcome-unknown',
    });
    expect(aws.clouds.requests().length - before).toBe(1);
    expect(await leftovers()).toEqual([]);
  });

  it('an id that cannot be one proves nothing', async () => {
    const left = {
      kind: 'disk',
      region: POOL.region,
      zone: null,
      id: 'disk-1',
      owner: 'us',
      idempotencyKey: null,
    } as const;
    await expect(provider.removeLeftover({ ...left, createdAt: null }, CALL)).rejects.toMatchObject({
      kind: 'invalid-request',
    });
  });
});
