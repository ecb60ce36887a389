import type { OfferJson, PriceHistoryJson, QuarantinedPriceJson } from '../../api/resources/offers.ts';
import type { Style } from '../terminal.ts';
import { placeOf } from './fleet.ts';
import { dollars, dollarsOf, duration, moment, renderTable } from './table.ts';

const right = 'right' as const;

/** Offers, cheapest per accelerator first; at most `limit` of them. */
export function renderOffers(offers: readonly OfferJson[], limit: number, style: Style): string {
  const columns = [
    { title: 'ACCELERATORS' },
    { title: 'WHERE' },
    { title: 'TYPE' },
    { title: 'MARKET' },
    { title: '$/H', align: right },
    { title: '$/H PER ACCELERATOR', align: right },
    { title: 'HEADROOM', align: right },
    { title: 'ADVICE' },
    { title: 'AGE', align: right },
    { title: '' },
  ];
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
      offer.headroomMachines === null ? 'unknown' : String(offer.headroomMachines),
      offer.advice?.words ?? '',
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

export function renderQuarantine(prices: readonly QuarantinedPriceJson[], style: Style): string {
  const columns = [
    { title: 'POOL' },
    { title: '$/H', align: right },
    { title: 'COMPARED WITH', align: right },
    { title: 'SINCE (UTC)' },
    { title: 'SEEN', align: right },
    { title: 'WHY' },
  ];
  const rows = prices.map((one) => [
    one.pool.key,
    one.price === null ? 'none' : dollars(one.price),
    one.reference === null ? '' : dollars(one.reference),
    moment(one.firstSeenAt),
    `${one.sightings}/${one.sightingsToRelease}`,
    style.warning(one.reason),
  ]);
  return renderTable(columns, rows, style, 'No price is in quarantine.');
}

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const SPARK_WIDTH = 40;

/** How a price has changed: a line of bars, then the changes, newest last; at most `limit` of them. */
export function renderHistory(history: PriceHistoryJson, limit: number, now: number, style: Style): string {
  const { pool, points, current } = history;
  const prices = points.map(({ price }) => price.microUsdPerHour);
  const summary =
    prices.length === 0
      ? 'no change in this time'
      : `${dollarsOf(Math.min(...prices))} to ${dollarsOf(Math.max(...prices))} $/h  ${sparkline(points, now)}`;
  const state =
    current === null
      ? style.warning('not offered any more')
      : `${dollars(current.price)} $/h, read ${duration(current.ageSeconds)} ago`;
  const rows = points
    .slice(-limit)
    .map(({ observedAt, price, availability }, index, shown) => [
      moment(observedAt),
      dollars(price),
      changeOf(shown[index - 1]?.price.microUsdPerHour, price.microUsdPerHour),
      availability === 'restricted' ? style.dim('restricted') : '',
    ]);
  const columns = [
    { title: 'SINCE (UTC)' },
    { title: '$/H', align: right },
    { title: 'CHANGE', align: right },
    { title: '' },
  ];
  const left = points.length - rows.length;
  return [
    `${style.strong(pool)}  ${state}\n${summary}\n`,
    renderTable(columns, rows, style, 'No change of the price is on record.'),
    left > 0 ? `… and ${left} earlier; --changes shows more of them\n` : '',
  ].join('');
}

function changeOf(before: number | undefined, now: number): string {
  if (before === undefined) return '';
  const share = ((now - before) / before) * 100;
  return `${share < 0 ? '' : '+'}${share.toFixed(1)} %`;
}

/** The price over time, each bar the same span of it; highest price, highest bar. */
function sparkline(points: PriceHistoryJson['points'], now: number): string {
  const times = points.map(({ observedAt }) => Date.parse(observedAt));
  const prices = points.map(({ price }) => price.microUsdPerHour);
  const [from] = times;
  if (from === undefined || points.length < 2) return '';
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  return Array.from({ length: SPARK_WIDTH }, (_, bar) => {
    const at = from + ((Math.max(now, from) - from) * (bar + 1)) / SPARK_WIDTH;
    const price = prices[times.findLastIndex((time) => time <= at)] ?? low;
    return BARS[high === low ? 0 : Math.round(((price - low) / (high - low)) * (BARS.length - 1))] ?? '';
  }).join('');
}
