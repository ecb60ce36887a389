import { describe, expect, it } from 'vitest';
import { provePlans } from './prove-plans.ts';

describe('2,000 plans of random fleets of 12 workloads and 40 offers', () => {
  it('break no rule, buy only what may be bought, and state true figures', async () => {
    const { faults } = await provePlans(30_000, 2000);
    expect(faults).toEqual([]);
  });
});
