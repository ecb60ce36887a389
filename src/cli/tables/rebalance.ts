import type { PoolJson } from '../../api/resources/common.ts';
import type { RebalanceFiguresJson, RebalanceJson, RebalanceLookJson } from '../../api/resources/rebalances.ts';
import type { Style } from '../terminal.ts';
import { placeOf } from './fleet.ts';
import { clean, dollars, dollarsOf, duration, moment, percent, renderFacts, renderTable } from './table.ts';

/** What a look came to: its verdict first, then the moves, whether or not they pay. */
export function renderLook(look: RebalanceLookJson, style: Style): string {
  const verdict = look.pays ? style.good(clean(look.reason)) : clean(look.reason);
  const unsettled = style.warning(
    'Something is still being placed or started: the broker proposes nothing until it is done.',
  );
  return [
    `${style.strong('REBALANCE')}  looked for ${moment(look.at)} UTC; nothing was moved\n${verdict}\n${look.isSettled ? '' : `${unsettled}\n`}`,
    ...(look.rebalance === null ? [] : [renderFigures(look.rebalance, style)]),
  ].join('\n');
}

export function renderRebalance(rebalance: RebalanceJson, style: Style): string {
  const { id, state, stateReason, createdAt, confirmedAt, expiresAt, policies } = rebalance;
  const until = state === 'proposed' ? `, expires ${moment(expiresAt)} unless confirmed` : '';
  const versions = policies.map(({ name, version }) => `${name} v${version}`).join(', ');
  const reason = stateReason === null ? '' : `${clean(stateReason)}\n`;
  const times = `proposed ${moment(createdAt)} UTC, last confirmed ${moment(confirmedAt)}${until}`;
  const head = `${style.strong('REBALANCE')}  ${id}  ${state}\n${reason}${times}\nunder ${policies.length === 1 ? 'policy' : 'policies'} ${versions}\n`;
  return `${head}\n${renderFigures(rebalance, style)}`;
}

function renderFigures(figures: RebalanceFiguresJson, style: Style): string {
  return [renderMoves(figures, style), renderSums(figures), renderShares(figures, style)].join('\n');
}

/** Moves of one workload by one route are one line. */
function renderMoves({ moves, added }: RebalanceFiguresJson, style: Style): string {
  const columns = [
    { title: 'MOVES' },
    { title: 'REPLICAS', align: 'right' },
    { title: 'FROM' },
    { title: 'TO' },
    { title: '$/H NOW', align: 'right' },
    { title: '$/H AFTER', align: 'right' },
    { title: 'WHY' },
  ] as const;
  const routes = Map.groupBy(moves, ({ workloadName, from, to, why }) =>
    [workloadName, ...[...from, ...to].map(({ pool }) => pool.key), why.detail].join(' '),
  );
  const moving = [...routes.values()].flatMap((alike) => {
    const [first] = alike;
    if (first === undefined) return [];
    const sum = (of: (move: (typeof alike)[number]) => number): number =>
      alike.reduce((all, move) => all + of(move), 0);
    return [
      [
        first.workloadName,
        String(sum(({ replicas }) => replicas.length)),
        placesOf(first.from),
        first.to.length === 0 ? 'nowhere' : placesOf(first.to),
        dollarsOf(sum(({ costNow }) => costNow.microUsdPerHour)),
        dollarsOf(sum(({ costAfter }) => costAfter.microUsdPerHour)),
        alike.length === 1 || first.why.cause !== 'cheaper' ? first.why.detail : `${first.why.detail} each`,
      ],
    ];
  });
  const adding = added.map((machine) => [
    machine.workloadName,
    String(machine.replicas.length),
    '-',
    placesOf([machine]),
    '-',
    dollars(machine.adjustedPrice),
    'has no place now',
  ]);
  return renderTable(columns, [...moving, ...adding], style, 'Nothing moves.');
}

function placesOf(machines: readonly { readonly pool: PoolJson }[]): string {
  const pools = new Map(machines.map(({ pool }) => [pool.key, pool]));
  return [...pools.values()].map((pool) => `${placeOf(pool)} ${pool.instanceType} ${pool.market}`).join(' + ');
}

function renderSums({ now, after, saved, savedShare, moveCost, paybackHours }: RebalanceFiguresJson): string {
  const change = after.cost.microUsdPerHour - now.cost.microUsdPerHour;
  const payback =
    paybackHours === null ? 'nothing is saved that could pay it back' : `paid back in ${duration(paybackHours * 3600)}`;
  return renderFacts([
    ['cost now', `${dollars(now.cost)} $/h`, 'of the whole fleet, where everything stays'],
    ['cost after', `${dollars(after.cost)} $/h`, `${dollarsOf(Math.abs(change))} $/h ${change > 0 ? 'more' : 'less'}`],
    ['saves', `${dollars(saved)} $/h`, `${percent(savedShare)} of what an hour of work costs, failures expected`],
    ['moves cost', `${dollarsOf(moveCost.microUsd)} $`, `once; ${payback}`],
    ['concentration', now.concentration.toFixed(3), `then ${after.concentration.toFixed(3)}`],
  ]);
}

function renderShares({ now, after }: RebalanceFiguresJson, style: Style): string {
  const columns = [
    { title: 'SHARE OF' },
    { title: 'NAME' },
    { title: 'NOW', align: 'right' },
    { title: 'AFTER', align: 'right' },
  ] as const;
  const rows = (['provider', 'region', 'market'] as const).flatMap((scope) => {
    const [before, later] = [now.shares[scope], after.shares[scope]];
    return [...new Set([...Object.keys(before), ...Object.keys(later)])]
      .map((name) => ({ name, before: before[name] ?? 0, later: later[name] ?? 0 }))
      .toSorted((a, b) => b.later - a.later || b.before - a.before)
      .map((share) => [scope, share.name, percent(share.before), percent(share.later)]);
  });
  return renderTable(columns, rows, style, 'Nothing runs.');
}

export function renderRebalances(rebalances: readonly RebalanceJson[], style: Style): string {
  const columns = [
    { title: 'REBALANCE' },
    { title: 'STATE' },
    { title: 'PROPOSED' },
    { title: 'MOVES', align: 'right' },
    { title: '$/H NOW', align: 'right' },
    { title: '$/H AFTER', align: 'right' },
    { title: 'MOVES COST $', align: 'right' },
    { title: 'PAID BACK IN', align: 'right' },
    { title: 'REASON' },
  ] as const;
  const rows = rebalances.map((rebalance) => [
    rebalance.id,
    rebalance.state,
    moment(rebalance.createdAt),
    String(rebalance.moves.length),
    dollars(rebalance.now.cost),
    dollars(rebalance.after.cost),
    dollarsOf(rebalance.moveCost.microUsd),
    rebalance.paybackHours === null ? '-' : duration(rebalance.paybackHours * 3600),
    rebalance.stateReason ?? '',
  ]);
  return renderTable(columns, rows, style, 'None was proposed. "gpu-broker rebalance" looks now.');
}
