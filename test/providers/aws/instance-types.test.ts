import type { InstanceTypeInfo } from '@aws-sdk/client-ec2';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadMarket } from '../../../src/emulators/world/load-market.ts';
import type { MarketFacts } from '../../../src/emulators/world/market-facts.ts';
import {
  architectureOf,
  gpuShapeOf,
  interruptionsPerHourOf,
  quotaCodeOf,
} from '../../../src/providers/aws/instance-types.ts';

function typeWith(
  name: string,
  gpu: { Name: string; Count: number; MiB: number; GpuPartitionSize?: number },
): InstanceTypeInfo {
  const { Name, Count, MiB, ...rest } = gpu;
  return {
    InstanceType: name as NonNullable<InstanceTypeInfo['InstanceType']>,
    GpuInfo: { Gpus: [{ Name, Count, MemoryInfo: { SizeInMiB: MiB }, ...rest }] },
  };
}

function shape(name: string, gpu: Parameters<typeof typeWith>[1]): string | null {
  const found = gpuShapeOf(typeWith(name, gpu));
  return found === null ? null : `${found.count} × ${found.accelerator.name}`;
}

describe('against the market table', () => {
  let market: MarketFacts;
  beforeAll(async () => {
    market = await loadMarket('aws');
  });

  it('knows every type’s accelerator, architecture and quotas by EC2’s own words', () => {
    expect(market.instanceTypes.length).toBeGreaterThan(40);
    for (const type of market.instanceTypes) {
      expect({
        name: type.name,
        shape: shape(type.name, {
          Name: type.vendorGpuName ?? '',
          Count: type.acceleratorCount,
          MiB: type.gpuMemoryMiB,
        }),
        architecture: architectureOf(type.name),
        onDemand: quotaCodeOf(type.name, 'on-demand'),
        spot: quotaCodeOf(type.name, 'spot'),
      }).toEqual({
        name: type.name,
        shape: `${type.acceleratorCount} × ${type.accelerator}`,
        architecture: type.architecture,
        onDemand: type.quotaClaims['on-demand'][0]?.quota,
        spot: type.quotaClaims.spot[0]?.quota,
      });
    }
  });
});

describe('GPUs', () => {
  it.each([
    ['p4d.24xlarge', { Name: 'A100', Count: 8, MiB: 40_960 }, '8 × A100-40GB'],
    ['p4de.24xlarge', { Name: 'A100', Count: 8, MiB: 81_920 }, '8 × A100-80GB'],
    ['p3.2xlarge', { Name: 'V100', Count: 1, MiB: 16_384 }, '1 × V100-16GB'],
    ['p3dn.24xlarge', { Name: 'V100', Count: 8, MiB: 32_768 }, '8 × V100-32GB'],
    ['g7e.2xlarge', { Name: 'RTX PRO Server 6000', Count: 1, MiB: 98_304 }, '1 × RTX-PRO-6000'],
    // The maker's name where the model's should be.
    ['p5e.48xlarge', { Name: 'NVIDIA', Count: 8, MiB: 144_384 }, '8 × H200-141GB-SXM'],
    // An eighth of an L4, and the memory of one.
    ['g6f.xlarge', { Name: 'L4', Count: 0, MiB: 2861 }, null],
    ['g6f.xlarge', { Name: 'L4', Count: 1, MiB: 22_888, GpuPartitionSize: 0.5 }, null],
    ['g6f.xlarge', { Name: 'L4', Count: 1, MiB: 11_444 }, null],
    ['g4ad.xlarge', { Name: 'Radeon Pro V520', Count: 1, MiB: 8192 }, null],
    ['p9.large', { Name: 'A100', Count: 1, MiB: 60_000 }, null],
  ])('%s with %o is %s', (name, gpu, expected) => {
    expect(shape(name, gpu)).toBe(expected);
  });

  it('no GPU, and several kinds of them, are no shape', () => {
    expect(gpuShapeOf({ InstanceType: 'm7i.large' })).toBeNull();
    const mixed = {
      Gpus: [
        { Name: 'L4', Count: 1, MemoryInfo: { SizeInMiB: 22_888 } },
        { Name: 'T4', Count: 1 },
      ],
    };
    expect(gpuShapeOf({ InstanceType: 'g6.xlarge', GpuInfo: mixed })).toBeNull();
  });
});

describe('names', () => {
  it.each([
    ['g5g.xlarge', 'arm64'],
    ['p6e-gb200.36xlarge', 'arm64'],
    ['gr6.4xlarge', 'x86_64'],
    ['g4dn.xlarge', 'x86_64'],
    ['p6-b200.48xlarge', 'x86_64'],
  ])('%s is %s', (name, architecture) => {
    expect(architectureOf(name)).toBe(architecture);
  });

  it('has no quota for machines without GPUs', () => {
    expect(quotaCodeOf('m7i.large', 'on-demand')).toBeNull();
    expect(quotaCodeOf('vt1.3xlarge', 'spot')).toBe('L-3819A6DF');
    expect(quotaCodeOf('p2.xlarge', 'spot')).toBe('L-7212CCBC');
  });

  it('expects interruptions of spot only, and most of the unknown', () => {
    expect(interruptionsPerHourOf('p5.48xlarge', 'on-demand')).toBe(0);
    expect(interruptionsPerHourOf('p5.48xlarge', 'spot')).toBe(0.0032);
    expect(interruptionsPerHourOf('p9.48xlarge', 'spot')).toBe(0.05);
  });
});
