import { describe, expect, it } from 'vitest';
import { PLAIN } from '../../src/cli/terminal.ts';
import { exitCodeOf, type ProviderAccess, renderAccess } from '../../src/main/providers-check.ts';
import type { AccessCheck } from '../../src/providers/provider.ts';

function check(change: Partial<AccessCheck> = {}): AccessCheck {
  return {
    ...{ permission: 'ec2:RunInstances', neededFor: 'launching', required: true, outcome: 'allowed', message: null },
    ...change,
  };
}

function access(checks: readonly AccessCheck[], error: string | null = null): ProviderAccess {
  return { provider: 'aws', error, checks, grantedBy: ['config/permissions/aws-policy.json'] };
}

const missing = check({ permission: 'ec2:CreateTags', outcome: 'missing', message: 'AccessDenied' });

describe('providers check', () => {
  it('says what is missing, what for, and which file grants it', () => {
    expect(renderAccess([access([check(), missing])], { style: PLAIN })).toBe(`aws
PERMISSION        OUTCOME  REQUIRED  NEEDED FOR
ec2:RunInstances  allowed  yes       launching
ec2:CreateTags    missing  yes       launching (AccessDenied)
missing: ec2:CreateTags; granted by config/permissions/aws-policy.json
`);
    expect(renderAccess([access([], 'no credentials')], { style: PLAIN })).toBe(
      'aws\ncould not be asked: no credentials\n',
    );
  });

  it.each([
    ['all is allowed', [access([check()])], 0],
    ['only something optional is missing', [access([check(), { ...missing, required: false }])], 0],
    ['something required is missing', [access([check()]), access([missing])], 1],
    ['something required could not be asked', [access([check({ outcome: 'unknown' })])], 2],
    ['a provider could not be asked at all', [access([check()]), access([], 'no network')], 2],
    ['an adapter names no permission', [access([])], 2],
    ['something is missing and something unknown', [access([missing, check({ outcome: 'unknown' })])], 1],
  ])('tells the shell when %s', (_what, found, code) => {
    expect(exitCodeOf(found)).toBe(code);
  });
});
