import type { CapacityBlockJson, PurchaseJson } from '../../api/resources/capacity-blocks.ts';
import type { LeftoverJson, SweepJson } from '../../api/resources/leftovers.ts';
import type { Style } from '../terminal.ts';
import { moment, renderTable } from './table.ts';

export function renderLeftovers(items: readonly LeftoverJson[], sweeps: readonly SweepJson[], style: Style): string {
  const columns = ['KIND', 'WHERE', 'ID', 'STATE', 'LEASE', 'CREATED', 'ERROR'].map((title) => ({ title }));
  const rows = items.map((item) => [
    item.kind,
    `${item.provider}/${item.region}`,
    item.cloudId,
    item.state,
    item.leaseId ?? 'unknown',
    item.createdAt === null ? '-' : moment(item.createdAt),
    item.error ?? '',
  ]);
  return `${renderTable(columns, rows, style, nothingLeft(sweeps))}${renderUnproven(sweeps, style)}`;
}

/** "Nothing" is said only where every region proved it. */
function nothingLeft(sweeps: readonly SweepJson[]): string {
  if (sweeps.length === 0) return 'Nothing is known yet: no region was swept so far.';
  const isProven = sweeps.every(({ outcome }) => outcome === 'complete');
  return isProven
    ? 'Nothing is left over: every region answered completely.'
    : 'Nothing was found where the clouds answered.';
}

function renderUnproven(sweeps: readonly SweepJson[], style: Style): string {
  const unproven = sweeps.filter(({ outcome }) => outcome !== 'complete');
  if (unproven.length === 0) return '';
  const columns = ['NOT PROVEN', 'SUBJECT', 'OUTCOME', 'LAST COMPLETE', 'REASON'].map((title) => ({ title }));
  const rows = unproven.map(({ provider, region, subject, outcome, completeAt, error }) => [
    `${provider}/${region}`,
    subject,
    outcome,
    completeAt === null ? 'never' : moment(completeAt),
    error ?? '',
  ]);
  return `\n${renderTable(columns, rows, style, '')}`;
}

export function renderBlocks(blocks: readonly CapacityBlockJson[], style: Style): string {
  const columns = [
    { title: 'BLOCK' },
    { title: 'ZONE' },
    { title: 'MACHINES' },
    { title: 'START' },
    { title: 'END' },
    { title: '$ UPFRONT', align: 'right' as const },
    { title: '$/H PER MACHINE', align: 'right' as const },
  ];
  const rows = blocks.map((block) => [
    block.id,
    block.zone,
    `${block.machineCount} × ${block.instanceType}`,
    moment(block.startAt),
    moment(block.endAt),
    block.upfront.usd,
    hourly(block),
  ]);
  return renderTable(
    columns,
    rows,
    style,
    'Nothing that fits is for sale. Try fewer machines, other days, or another region.',
  );
}

function hourly({ upfront, machineCount, startAt, endAt }: CapacityBlockJson): string {
  const hours = (Date.parse(endAt) - Date.parse(startAt)) / 3_600_000;
  return hours > 0 ? (upfront.microUsd / 1_000_000 / machineCount / hours).toFixed(2) : '-';
}

export function renderPurchases(purchases: readonly PurchaseJson[], style: Style): string {
  const columns = [
    { title: 'PURCHASE' },
    { title: 'STATE' },
    { title: 'BLOCK' },
    { title: 'MACHINES' },
    { title: 'START' },
    { title: '$ UPFRONT', align: 'right' as const },
    { title: 'RESERVATION' },
    { title: 'REASON' },
  ];
  const rows = purchases.map(({ id, state, stateReason, block, reservationId }) => [
    id,
    state,
    block.id,
    `${block.machineCount} × ${block.instanceType}`,
    moment(block.startAt),
    block.upfront.usd,
    reservationId ?? '-',
    stateReason ?? '',
  ]);
  return renderTable(columns, rows, style, 'No capacity block was asked for.');
}
