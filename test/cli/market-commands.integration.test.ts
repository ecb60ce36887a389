import { describe, expect, it } from 'vitest';
import { startApi } from '../api/running-api.ts';
import { runCli } from './run-cli.ts';

describe('a command on the market', () => {
  it('leftovers shows what is left, and which regions proved nothing', async () => {
    await using api = await startApi();
    const run = await runCli(['leftovers', '--url', api.url]);
    expect(run.out).toBe(`KIND  WHERE         ID          STATE     LEASE    CREATED  ERROR
disk  azure/eastus  gb-01-disk  reported  unknown  -

NOT PROVEN     SUBJECT    OUTCOME  LAST COMPLETE  REASON
azure/westus3  leftovers  failed   never          throttled
`);
  });

  it('capacity-blocks lists, asks, approves and settles', async () => {
    await using api = await startApi();
    const environment = { GPU_BROKER_URL: api.url };
    const filter = '--provider aws --region us-east-1 --instance-type p5.48xlarge --machines 2 --hours 24'.split(' ');
    const list = await runCli(['capacity-blocks', 'list', ...filter], { environment });
    expect(list.out).toContain('cb-1');
    expect(list.out).toContain('31.46');
    const asked = ['capacity-blocks', 'request', 'cb-1', ...filter, '--max-price-usd', '1600', '--note', 'training'];
    expect(await runCli(asked, { environment })).toMatchObject({ exitCode: 0 });
    expect(api.service.purchase).toMatchObject({ maxPriceMicroUsd: 1_600_000_000, note: 'training' });
    expect((await runCli(['capacity-blocks', 'approve', 'purchase-1'], { environment })).out).toContain('approved');
    expect((await runCli(['capacity-blocks', 'approve', 'purchase-1'], { environment })).exitCode).toBe(1);
    expect((await runCli(['capacity-blocks', 'settle', 'purchase-1'], { environment })).exitCode).toBe(2);
    const settled = ['capacity-blocks', 'settle', 'purchase-1', '--reservation', 'cr-9'];
    expect((await runCli(settled, { environment })).out).toContain('cr-9');
    expect((await runCli(['capacity-blocks', 'status'], { environment })).out).toContain('purchase-1');
    const unknown = await runCli(['capacity-blocks', 'status', 'x'], { environment });
    expect(unknown.errors).toContain('capacity-blocks status');
  });

  it('offers are sorted by price per accelerator, and cut', async () => {
    await using api = await startApi();
    const run = await runCli(['offers', '--limit', '2', '--url', api.url]);
    expect(
      run.out,
    ).toBe(`ACCELERATORS       WHERE              TYPE           MARKET        $/H  $/H PER ACCELERATOR  HEADROOM  ADVICE   AGE
1 × L4             gcp us-central1-a  g2-standard-4  spot       0.3380               0.3380   unknown          60 s
8 × H100-80GB-SXM  aws us-east-1a     p5.48xlarge    on-demand   55.04                 6.88   unknown          60 s
… and 1 more; --limit shows more of them
`);
    const azure = await runCli(['offers', '--provider', 'azure', '--url', api.url]);
    expect(azure.out).toContain('placement score 7 of 10  60 s  sold out until 2026-11-01 00:03:00');
  });

  it('offers history draws the price over time and lists its changes', async () => {
    await using api = await startApi();
    const key = 'aws/us-east-1/us-east-1a/p5.48xlarge/on-demand';
    const run = await runCli(['offers', 'history', key, '--changes', '2', '--url', api.url]);
    expect(run.out).toBe(`${key}  55.04 $/h, read 60 s ago
50.00 to 60.50 $/h  ${'▁'.repeat(13)}${'█'.repeat(13)}${'▄'.repeat(14)}
SINCE (UTC)            $/H  CHANGE
2026-10-30 00:00:00  60.50
2026-10-31 00:00:00  55.04  -9.0 %
… and 1 earlier; --changes shows more of them
`);
    const since = await runCli(['offers', 'history', key, '--since', '2026-10-31', '--url', api.url]);
    expect(since.out).not.toContain('60.50');
    const unknown = await runCli(['offers', 'history', 'x', '--url', api.url]);
    expect([unknown.exitCode, unknown.errors]).toEqual([1, expect.stringContaining('shows each pool’s key')]);
  });

  it('offers --quarantined shows what is not ranked and why; offers accept has it ranked', async () => {
    await using api = await startApi();
    const run = await runCli(['offers', '--quarantined', '--url', api.url]);
    expect(run.out).toMatch(
      /us-east-1a\/p5.48xlarge\/spot +1.00 +20.00 {2}2026-10-31 23:00:00 +2\/3 {2}the median of its own/,
    );
    expect(run.out).toMatch(/Standard_ND96isr_H100_v5\/on-demand +none .* 12\/3 {2}the price 0 cannot be true/);
    const key = 'aws/us-east-1/us-east-1a/p5.48xlarge/spot';
    const accepted = await runCli(['offers', 'accept', key, '--url', api.url]);
    expect(accepted).toMatchObject({
      exitCode: 0,
      out: `${key} is ranked from the next reading on, which follows at once\n`,
    });
    const fair = await runCli(['offers', 'accept', 'x', '--url', api.url]);
    expect([fair.exitCode, fair.errors]).toEqual([1, expect.stringContaining('"gpu-broker offers --quarantined"')]);
  });

  it('providers shows health, and one in detail', async () => {
    await using api = await startApi();
    expect((await runCli(['providers', '--url', api.url])).out).toBe(
      `PROVIDER  HEALTH    REGIONS  OFFERS  SOLD OUT  MACHINES     $/H
aws       degraded      1/2       2         1         2  110.08  us-west-2 was not read
`,
    );
    const detail = (await runCli(['providers', 'aws', '--url', api.url])).out;
    expect(detail).toMatch(
      /us-west-2 +0 {2}never +RequestLimitExceeded; failed 3 times in a row, again at 2026-11-01 00:01:20\n/,
    );
    expect(detail).toMatch(/us-east-1 {2}p5 {4}vcpus {4}768 {2}unknown +192 {3}unknown {2}2026-11-01 00:00:00\n/);
  });
});
