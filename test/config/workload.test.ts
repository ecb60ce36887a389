import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { formatConfigError } from '../../src/config/config-error.ts';
import { parseWorkloads, readWorkload, workloadDocument } from '../../src/config/workload.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../../config/workloads');

const FULL = `apiVersion: gpu-broker/v1
kind: Workload
metadata: { name: train, team: research }
spec:
  replicas: 2
  accelerators: ["H100:8", { accelerator: A100-80GB, count: 16, throughput: 0.6 }]
  markets: [on-demand, spot]
  regions: { allow: ["aws:us-*", "gcp:*"] }
  providers: [aws, gcp]
  maxPrice: { usdPerHour: 120.5 }
  keepShare: 0.5
  data: { home: "aws:us-east-1", gbPerHour: 12.5 }
  protected: true
  priority: 5
  container: { image: "registry.example/train:1", command: [train, --fast], env: { MODE: full } }
`;

function errorsOf(text: string): string[] {
  const parsed = parseWorkloads('w.yaml', text);
  return parsed.ok ? [] : parsed.errors.map(formatConfigError);
}

describe('parseWorkloads', () => {
  it('reads every field, with accelerators by their canonical names', () => {
    expect(parseWorkloads('w.yaml', FULL)).toEqual({
      ok: true,
      value: [
        {
          name: 'train',
          team: 'research',
          replicas: 2,
          accelerators: [
            { accelerator: 'H100-80GB-SXM', count: 8, perMachine: null, throughput: 1 },
            { accelerator: 'A100-80GB', count: 16, perMachine: null, throughput: 0.6 },
          ],
          markets: ['on-demand', 'spot'],
          regions: ['aws:us-*', 'gcp:*'],
          providers: ['aws', 'gcp'],
          maxPriceMicroUsdPerHour: 120_500_000,
          keepShare: 0.5,
          data: { home: 'aws:us-east-1', gbPerHour: 12.5 },
          isProtected: true,
          architecture: 'x86_64',
          priority: 5,
          container: { image: 'registry.example/train:1', command: ['train', '--fast'], env: { MODE: 'full' } },
          userData: null,
        },
      ],
    });
  });

  it('reads several documents', () => {
    const parsed = parseWorkloads('w.yaml', `---\n${FULL}---\n${FULL.replace('name: train', 'name: other')}`);
    expect(parsed.ok && parsed.value.map(({ name }) => name)).toEqual(['train', 'other']);
  });

  it('takes a provider alone as the home of data', () => {
    const parsed = parseWorkloads('w.yaml', FULL.replace('home: "aws:us-east-1"', 'home: gcp'));
    expect(parsed.ok && parsed.value[0]?.data).toEqual({ home: 'gcp', gbPerHour: 12.5 });
  });

  it('takes one accelerator where no count is given', () => {
    const parsed = parseWorkloads('w.yaml', FULL.replace('"H100:8"', 'nvidia-l4'));
    expect(parsed.ok && parsed.value[0]?.accelerators[0]).toEqual({
      accelerator: 'L4',
      count: 1,
      perMachine: null,
      throughput: 1,
    });
  });

  it.each([
    [
      'ambiguous accelerator',
      '"H100:8"',
      '"A100:8"',
      '6:18 spec.accelerators[0]: "A100" could be any of A100-40GB, A100-80GB; write which one',
    ],
    [
      'misspelt count',
      'count: 16',
      'cuont: 16',
      '6:28 spec.accelerators[1].count: missing; allowed: a whole number from 1 to 9999\nw.yaml:6:54 spec.accelerators[1].cuont: unknown key; allowed: accelerator, count, perMachine, throughput; did you mean count?',
    ],
    [
      'number for an accelerator',
      '"H100:8"',
      '8',
      '6:18 spec.accelerators[0]: 8 is a number; allowed: accelerator:count, such as H100:8, or a mapping with accelerator, count, perMachine, throughput',
    ],
    [
      'wrong form',
      '"H100:8"',
      '"H100:8:8"',
      '6:18 spec.accelerators[0]: "H100:8:8" does not have the right form; allowed: accelerator:count, such as H100:8',
    ],
    [
      'no replicas',
      'replicas: 2',
      'replicas: 0',
      '5:13 spec.replicas: 0 is too small; allowed: a whole number from 1 to 10000',
    ],
    [
      'bad variable',
      'MODE: full',
      'the mode: full',
      '15:84 spec.container.env.the mode: "the mode" is not a valid name here; allowed: letters, digits and underscores',
    ],
    [
      'price of 0',
      'usdPerHour: 120.5',
      'usdPerHour: 0',
      '10:27 spec.maxPrice.usdPerHour: a limit of 0 dollars forbids everything; allowed: an amount above 0',
    ],
    [
      'data at an unknown provider',
      'home: "aws:us-east-1"',
      'home: "azur:eastus"',
      '12:17 spec.data.home: "azur" is no known provider; allowed: aws, azure, gcp, lambda; did you mean azure?',
    ],
    [
      'data everywhere',
      'home: "aws:us-east-1"',
      'home: "aws:us-*"',
      '12:17 spec.data.home: "aws:us-*" does not have the right form; allowed: a provider, or provider:region without *, such as aws:us-east-1',
    ],
    [
      'data without an amount',
      ', gbPerHour: 12.5',
      '',
      '12:9 spec.data.gbPerHour: missing; allowed: a number from 0 to 1000000',
    ],
    [
      'negative amount of data',
      'gbPerHour: 12.5',
      'gbPerHour: -1',
      '12:45 spec.data.gbPerHour: -1 is too small; allowed: a number from 0 to 1000000',
    ],
    [
      'protected by a word',
      'protected: true',
      'protected: sure',
      '13:14 spec.protected: "sure" is a text; allowed: true or false',
    ],
    [
      'container and user data',
      'priority: 5',
      'userData: "#!/bin/sh"',
      '14:13 spec.userData: a container is given as well; a workload boots one or the other',
    ],
    [
      'same alternative twice',
      'accelerator: A100-80GB, count: 16',
      'accelerator: nvidia-h100-80gb, count: 8',
      '6:28 spec.accelerators[1]: H100-80GB-SXM:8 is an alternative already',
    ],
    [
      'regions of other providers',
      'providers: [aws, gcp]',
      'providers: [azure]',
      '8:21 spec.regions.allow: names no region of azure, the providers allowed',
    ],
    [
      'survival on one provider',
      'providers: [aws, gcp]',
      'providers: [gcp]',
      '11:14 spec.keepShare: 0.5 cannot be kept: only gcp is allowed, and nothing outlives its loss',
    ],
  ])('%s', (_title, written, instead, expected) => {
    expect(FULL).toContain(written);
    expect(errorsOf(FULL.replace(written, instead)).join('\n')).toBe(`w.yaml:${expected}`);
  });

  it('names the nearest known accelerator', () => {
    expect(errorsOf(FULL.replace('H100:8', 'H10O:8'))[0]).toMatch(
      /^w\.yaml:6:18 .*"H10O" is no known accelerator; .*did you mean h100\?$/,
    );
  });

  it('finds a name given twice, in the second document', () => {
    expect(errorsOf(`${FULL}---\n${FULL}`)).toEqual([
      'w.yaml:19:19 metadata.name: train of team research stands here twice',
    ]);
    expect(errorsOf(`${FULL}---\n${FULL.replace('team: research', 'team: other')}`)).toEqual([]);
  });

  it.each(readdirSync(SAMPLES))('the sample %s is valid', (name) => {
    const parsed = parseWorkloads(name, readFileSync(path.join(SAMPLES, name), 'utf8'));
    expect(parsed.ok ? [] : parsed.errors.map(formatConfigError)).toEqual([]);
  });
});

describe('workloadDocument', () => {
  it('reads back as the same workload', () => {
    const parsed = parseWorkloads('w.yaml', FULL);
    const [spec] = parsed.ok ? parsed.value : [];
    if (spec === undefined) throw new Error('the workload of this test is wrong');
    expect(readWorkload(workloadDocument(spec))).toEqual({ ok: true, value: spec });
    expect(parseWorkloads('again.yaml', stringify(workloadDocument(spec)))).toEqual({ ok: true, value: [spec] });
  });
});
