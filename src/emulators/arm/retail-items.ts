import type { MicroUsdPerHour } from '../../domain/money.ts';
import { MICRO_USD_PER_USD, scaleMoney } from '../../domain/money.ts';
import type { World } from '../world/contract.ts';
import type { InstanceTypeFact, RegionFact } from '../world/market-facts.ts';
import { guidOf } from './arm-answer.ts';

export type RetailItem = Readonly<Record<string, string | number | boolean>>;

/** Windows costs 0.046 USD per vCPU and hour more (2026-08, read off the price list: NC96ads_A100_v4 23.516 − 19.10). */
const WINDOWS_MICRO_PER_VCPU = 46_000;
/** Low Priority, the forerunner of Spot, is listed at 20 % (Linux) and 40 % (Windows) of the plain price. */
const LOW_PRIORITY_SHARE = { Linux: 0.2, Windows: 0.4 } as const;
const HOURS_PER_YEAR = 8760;
const RESERVATIONS = [
  { term: '1 Year', years: 1, share: 0.63 },
  { term: '3 Years', years: 3, share: 0.4 },
] as const;

/** A dozen meters per size, as on the real list; two of them are the prices people mean. */
export function retailItemsOf(world: World, region: RegionFact): readonly RetailItem[] {
  return world.facts('azure').instanceTypes.flatMap((type) => {
    const list = world.listPrice('azure', region.name, type.name);
    return list === null ? [] : itemsOfSize(region, type, list, spotPrice(world, region, type));
  });
}

/** One spot price per region: any zone's. */
function spotPrice(world: World, region: RegionFact, type: InstanceTypeFact): MicroUsdPerHour | null {
  const [zone] = world.zonesOffering('azure', region.name, type.name);
  if (zone === undefined || !type.markets.includes('spot')) return null;
  return world.price({ cloud: 'azure', region: region.name, zone, instanceType: type.name, market: 'spot' });
}

function itemsOfSize(
  region: RegionFact,
  type: InstanceTypeFact,
  list: MicroUsdPerHour,
  spot: MicroUsdPerHour | null,
): readonly RetailItem[] {
  const items: RetailItem[] = [];
  const { sku, meter, linux, windows } = spellingOf(type);
  function add(product: string, suffix: string, price: MicroUsdPerHour, more: RetailItem = {}): void {
    const names = { productName: product, skuName: `${sku}${suffix}`, meterName: `${meter}${suffix}` };
    items.push(itemOf(region, type, { ...names, price, more }));
  }
  const onWindows = list + WINDOWS_MICRO_PER_VCPU * type.vcpus;
  add(windows, '', onWindows);
  add(windows, ' Low Priority', scaleMoney(onWindows, LOW_PRIORITY_SHARE.Windows));
  if (spot !== null) add(windows, ' Spot', scaleMoney(spot, onWindows / list));
  add(linux, ' Low Priority', scaleMoney(list, LOW_PRIORITY_SHARE.Linux));
  add(linux, '', list);
  if (spot !== null) add(linux, ' Spot', spot);
  // Dev/test subscriptions pay no Windows licence.
  add(windows, '', list, { type: 'DevTestConsumption' });
  for (const { term, years, share } of RESERVATIONS)
    add(linux, '', scaleMoney(list, HOURS_PER_YEAR * years * share), { type: 'Reservation', reservationTerm: term });
  return items;
}

/**
 * The list spells sizes in three ways: `Standard_NV36ads_A10_v5` / `NV36ads A10 v5`, `Standard_NC24ads_A100_v4` /
 * `NC24ads_A100_v4`, `ND96isrH100v5` / `ND96isrH100v5`; and names Linux in the product or does not.
 */
function spellingOf(type: InstanceTypeFact): {
  readonly sku: string;
  readonly meter: string;
  readonly linux: string;
  readonly windows: string;
} {
  const size = type.name.replace(/^Standard_/, '');
  const series = size.replace(/^([A-Z]+)\d+/, '$1');
  if (/_(v5|v6)$/.test(size) && size.startsWith('ND')) {
    const compact = size.replaceAll('_', '');
    const product = `Virtual Machines ${series.replaceAll('_', ' ')} Series`;
    return { sku: compact, meter: compact, linux: product, windows: `${product} Windows` };
  }
  if (size.startsWith('NC')) {
    const product = `${series.replaceAll('_', ' ')} Series`;
    return { sku: type.name, meter: size, linux: `${product} Linux`, windows: `${product} Windows` };
  }
  const product = `Virtual Machines ${series.replaceAll('_', '')} Series`;
  return { sku: type.name, meter: size.replaceAll('_', ' '), linux: product, windows: `${product} Windows` };
}

interface ItemParts {
  readonly productName: string;
  readonly skuName: string;
  readonly meterName: string;
  readonly price: MicroUsdPerHour;
  readonly more: RetailItem;
}

function itemOf(region: RegionFact, type: InstanceTypeFact, parts: ItemParts): RetailItem {
  const { productName, skuName, meterName, price, more } = parts;
  const retailPrice = price / MICRO_USD_PER_USD;
  const product = guidOf('product', productName).slice(0, 12).replace('-', '').toUpperCase();
  const key = [region.name, productName, skuName, String(more['type'] ?? ''), String(more['reservationTerm'] ?? '')];
  return {
    currencyCode: 'USD',
    tierMinimumUnits: 0,
    retailPrice,
    unitPrice: retailPrice,
    armRegionName: region.name,
    location: region.displayName,
    effectiveStartDate: '2020-08-01T00:00:00Z',
    meterId: guidOf('meter', ...key),
    meterName,
    productId: `DZ${product}`,
    skuId: `DZ${product}/${guidOf('sku', ...key)
      .slice(0, 4)
      .toUpperCase()}`,
    productName,
    skuName,
    serviceName: 'Virtual Machines',
    serviceId: 'DZH313Z7MMC8',
    serviceFamily: 'Compute',
    unitOfMeasure: '1 Hour',
    type: 'Consumption',
    isPrimaryMeterRegion: true,
    armSkuName: type.name,
    ...more,
  };
}
