import type { Mutant } from './mutant.ts';

const SESSION = 'fleet-session.test.ts';

/** Changes of a running fleet. */
export const SESSION_MUTANTS: readonly Mutant[] = [
  {
    what: 'keeps the quota of machines that are gone',
    why: 'after many changes nothing would fit any more',
    file: 'fleet-session.ts',
    from: 'this.#take(lease, -1);',
    to: '',
    noticedBy: [SESSION, 'gives back quota and free machines'],
  },
  {
    what: 'takes no quota for machines it placed',
    why: 'the next workload would be sent where nothing is left',
    file: 'fleet-session.ts',
    from: 'listed.headroom(quota) - (this.#units.get(quota) ?? 0)',
    to: 'listed.headroom(quota)',
    noticedBy: [SESSION, 'draws on quotas and free machines until they are used up'],
  },
  {
    what: 'keeps machines that are gone in the shares',
    why: 'caps and budgets would count what nobody pays for',
    file: 'fleet-session.ts',
    from: `this.#book(lease, -1);
    this.#take(lease, -1);`,
    to: 'this.#take(lease, -1);',
    noticedBy: [SESSION, 'takes the machines out of every share'],
  },
  {
    what: 'forgets a refusal',
    why: 'what was lost would be sent to the pool that lost it',
    file: 'fleet-session.ts',
    from: 'this.#kinds.close(new Set(refused.map(({ key }) => key)));',
    to: '',
    noticedBy: [SESSION, 'places elsewhere what was lost, and nothing at the refused pool'],
  },
  {
    what: 'opens a refused pool when its price changes',
    why: 'a price says nothing about capacity',
    file: 'fleet-session.ts',
    from: '{ ...changed, soldOut: at.soldOut }',
    to: '{ ...changed, soldOut: null }',
    noticedBy: [SESSION, 'of a kind that was placed before and after the price of another changed'],
  },
  {
    what: 'remembers places by their old prices',
    why: 'a change of price would change nothing for kinds that ran before',
    file: 'fleet-session.ts',
    from: 'this.#kinds.clear();',
    to: '',
    noticedBy: [SESSION, 'makes a pool preferred or avoided from now on'],
  },
  {
    what: 'answers at once, however bad the answer is',
    why: 'what is not proved near the best must be searched for',
    file: 'fleet-session.ts',
    from: 'return cost - bound <= share * this.#mostLossShare(cost) * cost;',
    to: 'return true;',
    noticedBy: [SESSION, 'is searched for where the first places are far from the best'],
  },
  {
    what: 'counts what runs as the workload was when it came',
    why: 'a workload may change its choices and its team',
    file: 'fleet-session.ts',
    from: 'for (const lease of running) this.#book(lease, -1);',
    to: 'for (const lease of []) this.#book(lease, -1);',
    noticedBy: [SESSION, 'counts what runs as the workload is by now'],
  },
  {
    what: 'takes the first places for the best',
    why: 'places at once would never be held against the relaxation',
    file: 'fleet-session.ts',
    from: 'this.#isWithin(greedy.cost, unruled, CERTAIN_SHARE)',
    to: 'this.#isWithin(greedy.cost, greedy.cost, CERTAIN_SHARE)',
    noticedBy: [SESSION, 'is searched for where the first places are far from the best'],
  },
  {
    what: 'forgets a refusal where it looks at places anew',
    why: 'a refusal lasts, whatever is found anew meanwhile',
    file: 'fleet-session.ts',
    from: '[at, { ...at, soldOut: refusal }]',
    to: '[at, { ...at }]',
    noticedBy: [SESSION, 'of a kind that was placed before and after the price of another changed'],
  },
  {
    what: 'counts more in a bound than the cheapest places cost',
    why: 'an answer would be told to be better than it is proved to be',
    file: 'increment.ts',
    from: 'cost += (served * option.effectiveCostPerLot) / option.replicasPerLot;',
    to: 'cost += served * option.effectiveCostPerLot;',
    noticedBy: ['increment.test.ts', 'bounds what shares machines by its share of them'],
  },
];
