import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROBLEM_CODES, PROBLEMS } from '../../src/api/problems.ts';
import { parseBrokerConfig } from '../../src/config/broker-config.ts';
import { formatConfigError } from '../../src/config/config-error.ts';
import { parsePolicy } from '../../src/config/policy.ts';
import { policySchema } from '../../src/config/policy-schema.ts';
import { parseWorkloads } from '../../src/config/workload.ts';
import { workloadSchema } from '../../src/config/workload-schema.ts';

const DOCS = path.resolve(import.meta.dirname, '../../docs');
const configuration = readFileSync(path.join(DOCS, 'configuration.md'), 'utf8');
const api = readFileSync(path.join(DOCS, 'api.md'), 'utf8');

const PARSERS = { Broker: parseBrokerConfig, Policy: parsePolicy, Workload: parseWorkloads };

/** The keys of every mapping that a JSON Schema describes. */
function namesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const properties: unknown = Reflect.get(schema, 'properties');
  const own = typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
  return [...own, ...Object.values(schema).flatMap(namesIn)];
}

describe('docs/configuration.md', () => {
  it.each(['Broker', 'Policy', 'Workload'] as const)('shows a %s that is valid', (kind) => {
    const examples = [...configuration.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);
    const example = examples.find((text) => text.includes(`kind: ${kind}\n`)) ?? '';
    const parsed = PARSERS[kind]('example', example);
    expect(parsed.ok ? [] : parsed.errors.map(formatConfigError)).toEqual([]);
  });

  it.each([
    ['policy', policySchema],
    ['workload', workloadSchema],
  ])('names every field of a %s', (_kind, schema) => {
    const fields = namesIn(schema.toJSONSchema({ io: 'input' }));
    expect(fields.length).toBeGreaterThan(10);
    expect(fields.filter((name) => !new RegExp(`\\b${name}\\b`).test(configuration))).toEqual([]);
  });

  it('shows the defaults of the broker as they are', () => {
    const example = /```yaml\n(apiVersion: gpu-broker\/v1\nkind: Broker\n.*?)```/s.exec(configuration)?.[1] ?? '';
    const bare = parseBrokerConfig('bare', 'apiVersion: gpu-broker/v1\nkind: Broker\n');
    expect(parseBrokerConfig('example', example)).toEqual(bare);
  });
});

describe('docs/api.md', () => {
  it('lists every problem with its status', () => {
    const rows = [...api.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \| (\d{3}) \|/gm)];
    const listed = rows.flatMap(([, codes = '', status]) =>
      [...codes.matchAll(/`([a-z-]+)`/g)].map(([, code]) => `${code} ${status}`),
    );
    expect(listed.toSorted()).toEqual(PROBLEM_CODES.map((code) => `${code} ${PROBLEMS[code].status}`).toSorted());
  });
});
