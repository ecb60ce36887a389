import type { ExplanationJson } from '../../api/resources/explanation.ts';
import type { ProviderJson } from '../../api/resources/providers.ts';
import type { Style } from '../terminal.ts';
import { placeOf } from './fleet.ts';
import { clean, dollars, moment, renderTable } from './table.ts';

export function renderProviders(providers: readonly ProviderJson[], style: Style): string {
  const columns = [
    { title: 'PROVIDER' },
    { title: 'HEALTH' },
    { title: 'REGIONS', align: 'right' },
    { title: 'OFFERS', align: 'right' },
    { title: 'SOLD OUT', align: 'right' },
    { title: 'MACHINES', align: 'right' },
    { title: '$/H', align: 'right' },
    { title: '' },
  ] as const;
  const rows = providers.map((provider) => [
    provider.id,
    health(provider, style),
    `${provider.regions.filter(({ error, observedAt }) => error === null && observedAt !== null).length}/${provider.regions.length}`,
    String(provider.regions.reduce((total, { offerCount }) => total + offerCount, 0)),
    String(provider.soldOut.length),
    String(provider.leaseCount),
    dollars(provider.cost),
    provider.healthReason ?? '',
  ]);
  return renderTable(columns, rows, style, 'No providers.');
}

function health({ health: state }: ProviderJson, style: Style): string {
  if (state === 'ok') return style.good(state);
  return state === 'suspended' ? style.bad(state) : style.warning(state);
}

/** One provider: its regions, what is sold out, and the quotas that have little headroom left or none known. */
export function renderProvider(provider: ProviderJson, style: Style): string {
  const regions = provider.regions.map(({ region, offerCount, observedAt, error, failureCount, retryAt }) => [
    region,
    String(offerCount),
    observedAt === null ? 'never' : moment(observedAt),
    error === null ? '' : style.bad(`${error}${trialsOf(failureCount, retryAt)}`),
  ]);
  const soldOut = provider.soldOut.map(({ scope, until, strikes, reason }) => [
    scope,
    moment(until),
    String(strikes),
    reason,
  ]);
  const quotas = provider.quotas.map(({ region, name, unit, limit, usage, inFlight, headroom, observedAt }) => [
    region ?? 'global',
    name,
    unit,
    known(limit),
    known(usage),
    String(inFlight),
    known(headroom),
    moment(observedAt),
  ]);
  const right = 'right' as const;
  return [
    renderProviders([provider], style),
    renderTable(
      [{ title: 'REGION' }, { title: 'OFFERS', align: right }, { title: 'READ AT (UTC)' }, { title: '' }],
      regions,
      style,
      'No regions.',
    ),
    renderTable(
      [{ title: 'SOLD OUT' }, { title: 'UNTIL (UTC)' }, { title: 'REFUSALS', align: right }, { title: 'REASON' }],
      soldOut,
      style,
      'Nothing is sold out.',
    ),
    renderTable(
      [
        { title: 'QUOTA OF' },
        { title: 'NAME' },
        { title: 'UNIT' },
        { title: 'LIMIT', align: right },
        { title: 'USAGE', align: right },
        { title: 'IN FLIGHT', align: right },
        { title: 'HEADROOM', align: right },
        { title: 'READ AT (UTC)' },
      ],
      quotas,
      style,
      'No quotas.',
    ),
  ].join('\n');
}

function trialsOf(failureCount: number, retryAt: string | null): string {
  if (failureCount === 0) return '';
  return `; failed ${failureCount} times in a row${retryAt === null ? '' : `, again at ${moment(retryAt)}`}`;
}

function known(amount: number | null): string {
  return amount === null ? 'unknown' : String(amount);
}

/** Why a workload runs where it runs: at most `limit` alternatives, the chosen ones first among equals. */
export function renderExplanation(explanation: ExplanationJson, limit: number, style: Style): string {
  const { alternatives, otherAcceleratorCount, held } = explanation;
  const columns = [
    { title: 'VERDICT' },
    { title: 'ACCELERATORS' },
    { title: 'WHERE' },
    { title: 'TYPE' },
    { title: 'MARKET' },
    { title: '$/H PER REPLICA', align: 'right' },
    { title: 'WHY' },
  ] as const;
  const chosen = alternatives.filter(({ verdict }) => verdict === 'chosen');
  const others = alternatives.filter(({ verdict }) => verdict !== 'chosen');
  const rows = [...chosen, ...others]
    .slice(0, Math.max(limit, chosen.length))
    .map((alternative) => [
      alternative.verdict === 'chosen' ? style.good(alternative.verdict) : alternative.verdict,
      `${alternative.acceleratorCount} × ${alternative.accelerator}`,
      placeOf(alternative.pool),
      alternative.pool.instanceType,
      alternative.pool.market,
      alternative.replicaCost === null ? '-' : dollars(alternative.replicaCost),
      alternative.detail,
    ]);
  const left = alternatives.length - rows.length;
  return [
    `${style.strong(explanation.workloadName)}  plan ${explanation.planId ?? 'none yet'}\n`,
    renderTable(columns, rows, style, 'No offer has a fitting accelerator.'),
    left > 0 ? `… and ${left} more; --limit shows more of them\n` : '',
    otherAcceleratorCount > 0 ? `Offers with other accelerators, not listed: ${otherAcceleratorCount}\n` : '',
    ...held.map(({ rule, detail }) => `${style.bad('held')}  ${rule}: ${clean(detail)}\n`),
  ].join('');
}
