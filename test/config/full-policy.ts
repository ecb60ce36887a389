import { expect } from 'vitest';
import { formatConfigError } from '../../src/config/config-error.ts';
import { parsePolicy } from '../../src/config/policy.ts';

/** A policy with every kind of rule. */
export const FULL = `apiVersion: gpu-broker/v1
kind: Policy
metadata: { name: default }
spec:
  residency: { regions: { allow: ["aws:us-*", "gcp:us-*"] } }
  providers: { allow: [aws, azure, gcp] }
  markets: { allow: [on-demand, spot], maxSpotShare: 0.6 }
  diversification:
    minProviders: 2
    maxShare: { provider: 0.6, region: 0.5 }
    maxConcentration: 0.5
    survive: { loss: provider, keepShare: 0.5 }
    onInfeasible: relax
    relax: [maxShare.region, survive.provider]
  cost:
    budgets: [{ team: research, period: month, usd: 50000, action: refuse }]
    priceAdjustments: [{ match: "aws:*:p5*", factor: 0.72, reason: agreement }]
  rebalance: { schedule: "0 */6 * * *", timeZone: UTC }
`;

export function errorsOf(text: string): string[] {
  const parsed = parsePolicy('p.yaml', text);
  return parsed.ok ? [] : parsed.errors.map(formatConfigError);
}

/** The errors of the full policy with one place changed. */
export function errorsWith(written: string, instead: string): string[] {
  expect(FULL).toContain(written);
  return errorsOf(FULL.replace(written, instead));
}
