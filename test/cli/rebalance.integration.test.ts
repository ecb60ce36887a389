import { describe, expect, it } from 'vitest';
import { startApi } from '../api/running-api.ts';
import { type CliRun, runCli } from './run-cli.ts';

type Api = Awaited<ReturnType<typeof startApi>>;

function run(api: Api, line: string): Promise<CliRun> {
  return runCli(line.split(' '), { environment: { GPU_BROKER_URL: api.url } });
}

describe('rebalance', () => {
  it('looks now, and shows each route with its reason, the sums and the shares', async () => {
    await using api = await startApi();
    expect(await run(api, 'rebalance')).toEqual({
      ...{ exitCode: 0, errors: '' },
      out: `REBALANCE  looked for 2026-11-03 12:00:00 UTC; nothing was moved
It pays: an hour of work costs 36.00 $/h less (30 %), and the moves are paid back in 10 min

MOVES  REPLICAS  FROM                             TO                                    $/H NOW  $/H AFTER  WHY
train         3  aws us-east-1a p5.48xlarge spot  gcp us-central1-a a3-highgpu-8g spot    90.00      54.00  12.00 $/h less each

cost now       120.00 $/h  of the whole fleet, where everything stays
cost after      84.00 $/h  36.00 $/h less
saves           36.00 $/h  30.0 % of what an hour of work costs, failures expected
moves cost         6.00 $  once; paid back in 10 min
concentration       1.000  then 0.541

SHARE OF  NAME                 NOW    AFTER
provider  gcp                0.0 %   64.3 %
provider  aws              100.0 %   35.7 %
region    gcp:us-central1    0.0 %   64.3 %
region    aws:us-east-1    100.0 %   35.7 %
market    spot             100.0 %  100.0 %
`,
    });
  });

  it('says plainly when nothing pays, or nothing would move, and when the fleet is not settled', async () => {
    await using api = await startApi();
    api.service.otherPrice = 29;
    const little = await run(api, 'rebalance');
    expect(little.exitCode).toBe(0);
    expect(little.out).toContain(
      '\nIt does not pay: it saves 3.00 $/h, less than the 4.00 $/h of minSavings of policy default\n\nMOVES',
    );
    api.service.otherPrice = 31;
    api.service.isSettled = false;
    expect((await run(api, 'rebalance')).out).toBe(
      `REBALANCE  looked for 2026-11-03 12:00:00 UTC; nothing was moved
Nothing would move: every machine is where it should be, or its move would not pay for itself
Something is still being placed or started: the broker proposes nothing until it is done.
`,
    );
  });

  it('lists what was proposed, by state', async () => {
    await using api = await startApi();
    expect((await run(api, 'rebalance list')).out).toBe(
      `REBALANCE    STATE       PROPOSED             MOVES  $/H NOW  $/H AFTER  MOVES COST $  PAID BACK IN  REASON
rebalance-2  proposed    2026-11-03 12:00:00      3   120.00      84.00          6.00        10 min
rebalance-1  superseded  2026-11-03 12:00:00      3   120.00      90.00          6.00        12 min  Rebalance rebalance-2 took its place
`,
    );
    expect((await run(api, 'rebalance list --state superseded')).out).not.toContain('rebalance-2  ');
    expect((await run(api, 'rebalance list --state expired')).out).toBe(
      'None was proposed. "gpu-broker rebalance" looks now.\n',
    );
    expect(await run(api, 'rebalance list --state approved')).toMatchObject({ exitCode: 2 });
  });

  it('shows one, and where to find others', async () => {
    await using api = await startApi();
    const { out } = await run(api, 'rebalance show rebalance-1');
    expect(out).toContain(`REBALANCE  rebalance-1  superseded
Rebalance rebalance-2 took its place
proposed 2026-11-03 12:00:00 UTC, last confirmed 2026-11-03 12:00:00
under policy default v3
`);
    expect(out).toContain('10.00 $/h less each');
    expect((await run(api, 'rebalance show rebalance-2')).out).toContain(
      'expires 2026-11-03 13:00:00 unless confirmed',
    );
    const unknown = await run(api, 'rebalance show other');
    expect(unknown).toMatchObject({ exitCode: 1 });
    expect(unknown.errors).toContain('"gpu-broker rebalance list" lists the rebalances.');
  });

  it('prints what the API sent, for programs', async () => {
    await using api = await startApi();
    const json = async (line: string): Promise<unknown> => JSON.parse((await run(api, `${line} --output json`)).out);
    expect(await json('rebalance')).toMatchObject({ pays: true, rebalance: { saved: { usdPerHour: '36.00' } } });
    expect(await json('rebalance list')).toMatchObject({ items: [{ id: 'rebalance-2' }, { id: 'rebalance-1' }] });
    expect(await json('rebalance show rebalance-2')).toMatchObject({ id: 'rebalance-2', moves: [{}, {}, {}] });
  });
});
