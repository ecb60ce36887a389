import type { Mutant } from './mutant.ts';

const PLACEMENT = 'plan-placement.test.ts';
const RULES = 'plan-rules.test.ts';
const WORDS = 'killing.test.ts';
const PRICING = 'pricing.test.ts';

/** What is placed and at what cost: demand, supply, prices, proofs, order. */
export const PLACING_MUTANTS: readonly Mutant[] = [
  {
    what: 'takes each machine of a gang for a replica',
    why: 'a gang is one replica, however many machines it needs',
    file: 'candidate-builder.ts',
    from: 'fill: running !== null || option.replicasPerLot === 1 ? option.replicasPerLot : null,',
    to: 'fill: running !== null || option.replicasPerLot === 1 ? Math.max(option.replicasPerLot, machinesPerLot) : null,',
    noticedBy: [WORDS, 'serves one replica with each gang'],
  },
  {
    what: 'counts one machine of a gang against quotas',
    why: 'two gangs that share a quota would both be bought',
    file: 'candidate-builder.ts',
    from: 'lotValues.push(units * machinesPerLot);',
    to: 'lotValues.push(units);',
    noticedBy: [WORDS, 'is shared by gangs with all their machines'],
  },
  {
    what: 'leaves the last units of a quota unused',
    why: 'headroom is what may be used, not what must stay free',
    file: 'eligibility.ts',
    from: 'claim.units * shape.machinesPerReplica > supply.headroom(claim.quota)',
    to: 'claim.units * shape.machinesPerReplica >= supply.headroom(claim.quota)',
    noticedBy: [WORDS, 'is used up to the last unit of a quota, and not past it'],
  },
  {
    what: 'puts replicas of several workloads on one machine',
    why: 'a machine serves one workload',
    file: 'problem.ts',
    from: 'drafts.some(({ replicasPerLot }) => replicasPerLot > 1) ||',
    to: '',
    noticedBy: [WORDS, 'belong to one of several alike workloads'],
  },
  {
    what: 'reverses the priorities',
    why: 'the highest priority goes first',
    file: 'optimise.ts',
    from: 'new Set(classes.map(({ spec }) => spec.priority))].toSorted((a, b) => b - a)',
    to: 'new Set(classes.map(({ spec }) => spec.priority))].toSorted((a, b) => a - b)',
    noticedBy: [PLACEMENT, 'goes to the higher priority first'],
  },
  {
    what: 'forgets egress',
    why: 'a machine far from its data costs more than its price',
    file: 'pricing.ts',
    from: 'return data.gbPerHour * machines * policy.egressMicroUsdPerGb;',
    to: 'return 0;',
    noticedBy: [WORDS, 'counts what reading from home costs'],
  },
  {
    what: 'counts the interruptions of one machine of a gang',
    why: 'a gang stops when any of its machines is taken',
    file: 'pricing.ts',
    from: 'const interruption = 1 + offer.interruptionsPerHour * machines * RESTART_LOSS_HOURS;',
    to: 'const interruption = 1 + offer.interruptionsPerHour * RESTART_LOSS_HOURS;',
    noticedBy: [PRICING, 'is price × machines ÷ throughput ÷ chance × interruptions of all machines'],
  },
  {
    what: 'adjusts the prices of all markets by an agreement on one',
    why: 'capacity that is paid for makes no spot machine cheaper',
    file: 'pricing.ts',
    from: '(market == null || market === pool.market) && globMatches(match, name)',
    to: 'globMatches(match, name)',
    noticedBy: [
      PRICING,
      'of a market holds in that market only, so that paid capacity counts as nearly free and the rest in full',
    ],
  },
  {
    what: 'takes the plan’s own cost for that without rules',
    why: 'every premium would be 0',
    file: 'plan-record.ts',
    from: "const unconstrained = Math.min(cost, free.total('spend'));",
    to: 'const unconstrained = cost;',
    noticedBy: [RULES, 'the premium is what the rules cost'],
  },
  {
    what: 'counts kept leases twice in the bound',
    why: 'a bound above the cost proves nothing',
    file: 'plan-record.ts',
    from: 'const effectiveBound = Math.max(0, given + planned.effectiveBound - madeDear);',
    to: 'const effectiveBound = Math.max(0, given + given + planned.effectiveBound - madeDear);',
    noticedBy: [WORDS, 'has a bound that kept leases do not lift above it'],
  },
  {
    what: 'takes alike workloads of two teams for one class, with the budget of the first',
    why: 'a budget is one team’s',
    file: 'demand.ts',
    from: 'budgeted ? spec.team : null,',
    to: 'budgeted ? null : null,',
    noticedBy: [WORDS, 'each team has a budget of its own, however alike their workloads are'],
  },
  {
    what: 'forgets what a team’s leases spend already',
    why: 'a budget is for all that the team runs',
    file: 'candidates.ts',
    from: 'Math.max(0, allowed - baseMicroUsdPerHour)',
    to: 'Math.max(0, allowed)',
    noticedBy: [WORDS, 'a budget counts what the team’s leases spend'],
  },
  {
    what: 'serves alike workloads in the order in which they come',
    why: 'the same input in another order must give the same plan',
    file: 'demand.ts',
    from: 'const workloads = input.workloads.toSorted((a, b) => compareText(a.id, b.id));',
    to: 'const { workloads } = input;',
    noticedBy: [PLACEMENT, 'alike workloads are served by id, whatever order they come in'],
  },
  {
    what: 'applies price adjustments in the order in which policies come',
    why: 'the same policies in another order must give the same plan',
    file: 'market-view.ts',
    from: 'return policies.toSorted((a, b) => compareText(a.name, b.name));',
    to: 'return policies;',
    noticedBy: [
      WORDS,
      'is judged by the first adjustment in the order of the policies’ names, whatever order they come in',
    ],
  },
  {
    what: 'leaves equals where the solver happened to put them',
    why: 'ties go to the pool whose key comes first, on every machine',
    file: 'polish.ts',
    from: 'if (saved < 0 || (saved === 0 && place >= index)) continue;',
    to: 'if (saved <= 0) continue;',
    noticedBy: ['polish.test.ts', 'moves what could be cheaper, and equals to the pool whose key comes first'],
  },
  {
    what: 'deals places to alike workloads one workload after another',
    why: 'each of them must survive a loss by itself, not all together',
    file: 'assignment.ts',
    from: 'hands[index % hands.length]?.push(lot);',
    to: 'hands[Math.floor((index * hands.length) / lots.length)]?.push(lot);',
    noticedBy: [RULES, 'holds for each of several alike workloads, not for them together'],
  },
];
