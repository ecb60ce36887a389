import type { Mutant } from './mutant.ts';

const BRANCHING = 'branching.integration.test.ts';
const CHEAPEST = 'finds the cheapest fleet of few large machines under a concentration limit';

/** How the best answer is searched for, and what is left out of the search. */
export const SEARCH_MUTANTS: readonly Mutant[] = [
  {
    what: 'looks at one of two roundings only',
    why: 'the best answer may lie in the part that seemed the less promising',
    file: 'branch-and-price.ts',
    from: 'return down <= up ? [lower, upper] : [upper, lower];',
    to: 'return down <= up ? [lower] : [upper];',
    noticedBy: [BRANCHING, CHEAPEST],
  },
  {
    what: 'leaves a gap between the two roundings of a fraction',
    why: 'whole answers in between would belong to no part of the search',
    file: 'branching.ts',
    from: '{ lower: Math.ceil(value), upper }',
    to: '{ lower: Math.ceil(value) + 1, upper }',
    noticedBy: [BRANCHING, CHEAPEST],
  },
  {
    what: 'holds replicas for the providers that count now',
    why: 'where minProviders cannot be had, no replica is held for it',
    file: 'optimise.ts',
    from: 'lacking[fleet] === true ? 1 : count',
    to: 'lacking[fleet] === true ? Math.min(2, count) : count',
    noticedBy: [BRANCHING, 'holds no replica although one more machine makes fewer providers count'],
  },
  {
    what: 'takes machines with different quotas for twins',
    why: 'the second has room when the first has none',
    file: 'twins.ts',
    from: '.claimsKey}',
    to: '.claimsKey.length * 0}',
    noticedBy: ['killing.test.ts', 'uses both of two types of machines whose quotas are apart'],
  },
  {
    what: 'takes machines at different prices for twins although a cap is on money',
    why: 'a dearer machine elsewhere makes every other share smaller, and may be the only way to keep a cap',
    file: 'twins.ts',
    from: 'const byPrice = budgeted || countsMoney(rules);',
    to: 'const byPrice = budgeted && countsMoney(rules);',
    noticedBy: ['plan-rules.test.ts', 'a cap on spend may take a dearer machine where no cheaper one keeps it'],
  },
];
