import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ArmSubject } from './arm-subject.ts';
import { startArm } from './arm-subject.ts';

const pageSchema = z.object({
  Items: z.array(
    z.looseObject({
      armRegionName: z.string(),
      armSkuName: z.string(),
      skuName: z.string(),
      meterName: z.string(),
      productName: z.string(),
      retailPrice: z.number(),
      type: z.string(),
    }),
  ),
  NextPageLink: z.string().nullable(),
  Count: z.number(),
});
type Item = z.infer<typeof pageSchema>['Items'][number];

let arm: ArmSubject;

beforeEach(async () => {
  arm = await startArm();
});

afterEach(async () => {
  await arm.close();
});

async function page(url: string): Promise<z.infer<typeof pageSchema>> {
  return pageSchema.parse(await (await fetch(url)).json());
}

function firstPage(filter: string): string {
  return `${arm.clouds.endpoints.azure['retail-prices']}/api/retail/prices?$filter=${encodeURIComponent(filter)}`;
}

async function items(filter: string): Promise<readonly Item[]> {
  const all: Item[] = [];
  for (let next: string | null = firstPage(filter); next !== null; ) {
    const { Items, NextPageLink, Count } = await page(next);
    expect(Count).toBe(Items.length);
    all.push(...Items);
    next = NextPageLink;
  }
  return all;
}

const IN_EASTUS = "serviceName eq 'Virtual Machines' and armRegionName eq 'eastus'";

describe('the Retail Prices API', () => {
  it('has a dozen meters per size, two of which are prices of ours', async () => {
    const size = (await items(IN_EASTUS)).filter(({ armSkuName }) => armSkuName === 'Standard_ND96isr_H100_v5');
    expect(size.map(({ productName, skuName, type }) => `${productName} | ${skuName} | ${type}`).toSorted()).toEqual([
      'Virtual Machines NDisr H100 v5 Series Windows | ND96isrH100v5 Low Priority | Consumption',
      'Virtual Machines NDisr H100 v5 Series Windows | ND96isrH100v5 Spot | Consumption',
      'Virtual Machines NDisr H100 v5 Series Windows | ND96isrH100v5 | Consumption',
      'Virtual Machines NDisr H100 v5 Series Windows | ND96isrH100v5 | DevTestConsumption',
      'Virtual Machines NDisr H100 v5 Series | ND96isrH100v5 Low Priority | Consumption',
      'Virtual Machines NDisr H100 v5 Series | ND96isrH100v5 Spot | Consumption',
      'Virtual Machines NDisr H100 v5 Series | ND96isrH100v5 | Consumption',
      'Virtual Machines NDisr H100 v5 Series | ND96isrH100v5 | Reservation',
      'Virtual Machines NDisr H100 v5 Series | ND96isrH100v5 | Reservation',
    ]);
    const plain = size.find(({ productName, skuName, type }) =>
      `${productName}${skuName}${type}`.endsWith('SeriesND96isrH100v5Consumption'),
    );
    expect(plain?.retailPrice).toBe(98.32);
  });

  it('pages by a hundred and filters by the fields asked for', async () => {
    const all = await items(IN_EASTUS);
    expect(all.length).toBeGreaterThan(150);
    expect(new Set(all.map((item) => JSON.stringify(item))).size).toBe(all.length);
    expect((await page(firstPage(IN_EASTUS))).Items).toHaveLength(100);
    const consumption = await items(`${IN_EASTUS} and priceType eq 'Consumption'`);
    expect(new Set(consumption.map(({ type }) => type))).toEqual(new Set(['Consumption']));
    expect(consumption.length).toBeLessThan(all.length);
    const a100 = await items(`${IN_EASTUS} and contains(armSkuName, 'A100')`);
    expect(a100.length).toBeGreaterThan(0);
    expect(a100.every(({ armSkuName }) => armSkuName.includes('A100'))).toBe(true);
    expect(await items("armRegionName eq 'EastUS'")).toEqual([]);
  });

  it('refuses filters it does not understand', async () => {
    const answer = await fetch(firstPage("armRegionName like 'east%'"));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ Error: { Code: 'BadRequest' } });
  });

  it('follows the spot price of the world', async () => {
    const everything = { region: 'eastus', zone: null, accelerator: null, market: null };
    const instanceType = 'Standard_NC16as_T4_v3';
    arm.clouds.control.setSpotPrice({ cloud: 'azure', ...everything, instanceType }, 123_456);
    const meters = await items(`${IN_EASTUS} and armSkuName eq '${instanceType}' and contains(meterName, 'Spot')`);
    const linux = meters.filter(({ productName }) => !productName.includes('Windows'));
    expect(linux.map(({ retailPrice }) => retailPrice)).toEqual([0.123456]);
  });
});
