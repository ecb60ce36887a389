import { readFileSync } from 'node:fs';
import { parsePolicy } from '../../src/config/policy.ts';
import type { Policy } from '../../src/domain/policy.ts';

/** The policy that ships with the program, changed as asked. */
export function samplePolicy(change: Partial<Policy> = {}): Policy {
  const file = 'config/policies/default.yaml';
  const parsed = parsePolicy(file, readFileSync(file, 'utf8'));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return { ...parsed.value, ...change };
}

/** No rule but eligibility: for tests of one machine, which no share cap would allow. */
export function permissivePolicy(change: Partial<Policy> = {}): Policy {
  return samplePolicy({
    minProviders: 1,
    maxShare: { provider: null, region: null, zone: null, pool: null, market: null },
    maxConcentration: null,
    maxSpotShare: null,
    survive: [],
    ...change,
  });
}
