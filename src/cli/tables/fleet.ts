import type { FleetJson } from '../../api/resources/fleet.ts';
import type { LeaseJson } from '../../api/resources/leases.ts';
import type { PlanJson } from '../../api/resources/plans.ts';
import type { WorkloadJson } from '../../api/resources/workloads.ts';
import type { Style } from '../terminal.ts';
import { renderRules } from './rules.ts';
import { clean, dollars, dollarsOf, moment, percent, renderFacts, renderTable } from './table.ts';

/** What runs where and at what price; the shares against their caps; the cost, its proven bound and the premium. */
export function renderFleet(fleet: FleetJson, workloads: readonly WorkloadJson[], style: Style): string {
  const rules = fleet.latestPlan?.rules ?? [];
  return [
    `${style.strong('FLEET')}  ${moment(fleet.at)} UTC\n${renderFleetCost(fleet)}`,
    renderShares(fleet, style),
    ...(rules.length === 0 ? [] : [renderRules(rules, style)]),
    renderWorkloads(workloads, style),
    renderMachines(
      workloads.flatMap(({ leases }) => leases),
      style,
    ),
    ...renderHolds(workloads, style),
  ].join('\n');
}

function renderFleetCost({ cost, concentration, latestPlan }: FleetJson): string {
  const bound = latestPlan === null ? [] : planFacts(latestPlan);
  return renderFacts([
    ['cost', `${dollars(cost)} $/h`, 'of everything that runs'],
    ...bound,
    ['concentration', concentration.toFixed(3), diversity(concentration)],
  ]);
}

/** Bound and premium of a plan, as lines of facts. */
export function planFacts(plan: PlanJson): [string, string, string][] {
  const premium = plan.cost.microUsdPerHour - plan.unconstrainedCost.microUsdPerHour;
  const gap =
    plan.gapShare === 0 ? 'so the plan is optimal' : `so the plan is within ${percent(plan.gapShare)} of the best`;
  const versions = plan.policies.map(({ name, version }) => `${name} v${version}`).join(', ');
  return [
    ['planned cost', `${dollars(plan.cost)} $/h`, `${plan.solver}, ${plan.elapsedMs.toFixed(0)} ms`],
    [
      'lower bound',
      `${dollars(plan.lowerBound)} $/h`,
      `proven under ${plan.policies.length === 1 ? 'policy' : 'policies'} ${versions}, ${gap}`,
    ],
    [
      'premium',
      `${dollarsOf(premium)} $/h`,
      `${percent(plan.premiumShare)}: what diversification costs over ${dollars(plan.unconstrainedCost)} $/h`,
    ],
  ];
}

/** How many equal providers the fleet is as diverse as: 1 / concentration. */
export function diversity(concentration: number): string {
  return concentration === 0 ? 'nothing runs' : `as diverse as ${(1 / concentration).toFixed(1)} equal providers`;
}

export function renderShares(fleet: FleetJson, style: Style): string {
  const rules = fleet.latestPlan?.rules ?? [];
  // A cap is on the fleet of its policy: with several, no cap is on these shares, and the rules stand policy by policy.
  const isOneFleet = new Set(rules.map(({ policy }) => policy)).size <= 1;
  const caps = new Map(isOneFleet ? rules.map((use) => [`${use.rule} ${use.subject}`, use.limit]) : []);
  const rows = [
    ...sharesOf('provider', fleet.providerShares, (name) => caps.get(`maxShare.provider ${name}`)),
    ...sharesOf('region', fleet.regionShares, (name) => caps.get(`maxShare.region ${name}`)),
    ...sharesOf('market', fleet.marketShares, (name) =>
      least(caps.get(`maxShare.market ${name}`), name === 'spot' ? caps.get('maxSpotShare ') : undefined),
    ),
  ];
  const columns = [
    { title: 'SHARE OF' },
    { title: 'NAME' },
    { title: 'SHARE', align: 'right' },
    { title: 'CAP', align: 'right' },
    { title: '' },
  ] as const;
  return renderTable(columns, rows, style, 'Nothing runs yet.');
}

function least(...caps: readonly (number | undefined)[]): number | undefined {
  const known = caps.filter((cap) => cap !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function sharesOf(
  scope: string,
  shares: Readonly<Record<string, number>>,
  capOf: (name: string) => number | undefined,
): string[][] {
  return Object.entries(shares)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, share]) => {
      const cap = capOf(name);
      return [scope, name, percent(share), cap === undefined ? '-' : percent(cap), bar(share)];
    });
}

const BAR_WIDTH = 20;

function bar(share: number): string {
  const filled = Math.min(BAR_WIDTH, Math.round(share * BAR_WIDTH));
  return '█'.repeat(filled) + '·'.repeat(BAR_WIDTH - filled);
}

export function renderWorkloads(workloads: readonly WorkloadJson[], style: Style): string {
  const columns = [
    { title: 'WORKLOAD' },
    { title: 'TEAM' },
    { title: 'STATE' },
    { title: 'READY', align: 'right' },
    { title: 'PROVIDERS' },
    { title: '$/H', align: 'right' },
  ] as const;
  const rows = workloads.map((workload) => [
    workload.name,
    workload.team,
    workloadState(workload.state, style),
    `${workload.readyReplicaCount}/${workload.replicaCount}`,
    [...new Set(workload.leases.map(({ pool }) => pool.provider))].toSorted().join(', '),
    dollars(workload.cost),
  ]);
  return renderTable(columns, rows, style, 'No workloads. Apply one with "gpu-broker apply -f <file>".');
}

function workloadState(state: WorkloadJson['state'], style: Style): string {
  if (state === 'placed') return style.good(state);
  return state === 'held' ? style.bad(state) : style.warning(state);
}

/** Machines of one workload in one pool and state, counted in one line. */
export function renderMachines(leases: readonly LeaseJson[], style: Style): string {
  const groups = Map.groupBy(leases, ({ workloadName, pool, state }) => `${workloadName} ${pool.key} ${state}`);
  const columns = [
    { title: 'RUNS' },
    { title: 'MACHINES', align: 'right' },
    { title: 'ACCELERATORS' },
    { title: 'WHERE' },
    { title: 'TYPE' },
    { title: 'MARKET' },
    { title: '$/H EACH', align: 'right' },
    { title: '$/H', align: 'right' },
    { title: 'STATE' },
  ] as const;
  const rows = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const total = group.reduce((sum, { price }) => sum + price.microUsdPerHour, 0);
    return [
      [
        first.workloadName,
        String(group.length),
        `${first.acceleratorCount} × ${first.accelerator}`,
        placeOf(first.pool),
        first.pool.instanceType,
        first.pool.market,
        dollarsOf(Math.round(total / group.length)),
        dollarsOf(total),
        first.state === 'ready' ? style.good(first.state) : style.warning(first.state),
      ],
    ];
  });
  return renderTable(columns, rows, style, 'No machines.');
}

/** `aws us-east-1a`, `azure eastus/2` (zone names that do not tell their region); the region where the cloud chooses the zone. */
export function placeOf({ provider, region, zone }: LeaseJson['pool']): string {
  if (zone === null) return `${provider} ${region}`;
  return `${provider} ${zone.startsWith(region) ? zone : `${region}/${zone}`}`;
}

function renderHolds(workloads: readonly WorkloadJson[], style: Style): string[] {
  const lines = workloads.flatMap(({ name, holdReasons }) =>
    holdReasons.map(({ rule, detail }) => `${style.bad('held')}  ${name}: ${rule}: ${clean(detail)}\n`),
  );
  return lines.length === 0 ? [] : [lines.join('')];
}
