import type { ExplanationJson } from '../../api/resources/explanation.ts';
import type { OfferJson } from '../../api/resources/offers.ts';
import type { ProviderJson } from '../../api/resources/providers.ts';
import type { Style } from '../terminal.ts';
import { placeOf } from './fleet.ts';
import { clean, dollars, dollarsOf, duration, moment, renderTable } from './table.ts';

/** Offers, cheapest per accelerator first; at most `limit` of them. */
export function renderOffers(offers: readonly OfferJson[], limit: number, style: Style): string {
  const columns = [
    { title: 'ACCELERATORS' },
    { title: 'WHERE' },
    { title: 'TYPE' },
    { title: 'MARKET' },
    { title: '$/H', align: 'right' },
    { title: '$/H PER ACCELERATOR', align: 'right' },
    { title: 'AGE', align: 'right' },
    { title: '' },
  ] as const;
  const sorted = offers.toSorted((a, b) => perAccelerator(a) - perAccelerator(b) || (a.pool.key < b.pool.key ? -1 : 1));
  const rows = sorted
    .slice(0, limit)
    .map((offer) => [
      `${offer.acceleratorCount} × ${offer.accelerator}`,
      placeOf(offer.pool),
      offer.pool.instanceType,
      offer.pool.market,
      dollars(offer.price),
      dollarsOf(Math.round(perAccelerator(offer))),
      duration(offer.ageSeconds),
      offerRemark(offer, style),
    ]);
  const table = renderTable(columns, rows, style, 'No offers.');
  return offers.length <= limit ? table : `${table}… and ${offers.length - limit} more; --limit shows more of them\n`;
}

function perAccelerator({ price, acceleratorCount }: OfferJson): number {
  return price.microUsdPerHour / acceleratorCount;
}

function offerRemark({ soldOutUntil, availability, availableCount }: OfferJson, style: Style): string {
  if (soldOutUntil !== null) return style.warning(`sold out until ${moment(soldOutUntil)}`);
  if (availability === 'restricted') return style.dim('restricted for this account');
  return availableCount === null ? '' : `${availableCount} free`;
}

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
  const regions = provider.regions.map(({ region, offerCount, observedAt, error }) => [
    region,
    String(offerCount),
    observedAt === null ? 'never' : moment(observedAt),
    error === null ? '' : style.bad(error),
  ]);
  const soldOut = provider.soldOut.map(({ scope, until, strikes, reason }) => [
    scope,
    moment(until),
    String(strikes),
    reason,
  ]);
  const quotas = provider.quotas.map(({ region, name, unit, limit, usage, headroom }) => [
    region ?? 'global',
    name,
    unit,
    known(limit),
    known(usage),
    known(headroom),
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
        { title: 'HEADROOM', align: right },
      ],
      quotas,
      style,
      'No quotas.',
    ),
  ].join('\n');
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
