import { describe, expect, it } from 'vitest';
import { provePlans } from './prove-plans.ts';

describe('plans of random fleets of 12 workloads and 40 offers', () => {
  it('break no rule, buy only what may be bought, and state true figures', async () => {
    const { faults, features } = await provePlans(30_000, 40);
    expect(faults).toEqual([]);
    expect(features.size).toBeGreaterThanOrEqual(19);
  });
});
