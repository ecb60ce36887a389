import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { call, postJson, WORKLOAD } from '../api/calling.ts';
import { startApi } from '../api/running-api.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type CliRun, runCli } from './run-cli.ts';

type Api = Awaited<ReturnType<typeof startApi>>;

const at = temporaryDirectory();

function run(api: Api, line: string): Promise<CliRun> {
  return runCli(line.split(' '), { environment: { GPU_BROKER_URL: api.url } });
}

describe('risk', () => {
  it('shows what would be lost and what each workload would keep', async () => {
    await using api = await startApi();
    expect(await run(api, 'risk plan-1')).toEqual({
      exitCode: 0,
      errors: '',
      out: `RISK  of the fleet that plan plan-1 led to, 2026-11-03 12:00:00 UTC

PROVIDER LOST    $/H   SPEND  ACCELERATORS  REPLICAS  WHOLLY DOWN
azure          24.00  40.7 %            16         2  1: web
aws            20.00  33.9 %            16         2  none
gcp            15.00  25.4 %             8         1  none

REGION LOST        $/H   SPEND  ACCELERATORS  REPLICAS  WHOLLY DOWN
azure:eastus     24.00  40.7 %            16         2  1: web
aws:us-east-1    20.00  33.9 %            16         2  none
gcp:us-central1  15.00  25.4 %             8         1  none

WORKLOAD  STANDING  WORST PROVIDER       KEEPS  WORST REGION        KEEPS
train          4/4  aws             2 (50.0 %)  aws:us-east-1  2 (50.0 %)
web            1/1  azure            0 (0.0 %)  azure:eastus    0 (0.0 %)
`,
    });
  });

  it('takes the newest plan, and says so where there is none', async () => {
    await using api = await startApi();
    expect((await run(api, 'risk')).errors).toContain('Nothing has been planned yet');
    await postJson(api, '/v1/workloads', WORKLOAD);
    expect((await run(api, 'risk')).out).toContain('plan plan-1');
  });
});

describe('policy explain and policy curve', () => {
  it('price the rules of the policy in force', async () => {
    await using api = await startApi();
    const { out, exitCode } = await run(api, 'policy explain');
    expect(exitCode).toBe(0);
    expect(out).toBe(`POLICY default  the whole fleet planned afresh, as if nothing ran
with its rules   59.00 $/h  5 replicas placed
without          52.00 $/h  5 replicas placed
premium           7.00 $/h  13.5 %
an hour of work   7.00 $/h  13.5 %: effective cost 59.00 $/h over 52.00 $/h

RULE                LIMIT  COSTS $/H   SHARE  FOR WORK   SHARE  AT ITS LIMIT
maxShare.provider  50.0 %       7.00  13.5 %      7.00  13.5 %
maxSpotShare       90.0 %       0.00   0.0 %      0.00   0.0 %
minProviders            2       0.00   0.0 %      0.00   0.0 %

ONE POINT MORE OF  FOR   LIMIT  SAVES $/H OF WORK
maxShare.provider  aws  50.0 %             0.0992
`);
    const kept = await run(api, 'policy explain default --keep-leases --output json');
    expect(JSON.parse(kept.out)).toMatchObject({ policy: 'default', keepsLeases: true, conflict: null });
  });

  it('draw a bar for each limit', async () => {
    await using api = await startApi();
    const { out } = await run(api, 'policy curve --rule maxShare.provider --limits 0.34 50% 0.6 1');
    expect(out).toBe(`maxShare.provider  of policy default; the whole fleet planned afresh, as if nothing ran
without the rule  52.00 $/h  5 replicas placed

  LIMIT    $/H  PREMIUM  FOR WORK
 34.0 %   0.00        -         -  ························  5 of 5 replicas held
 50.0 %  59.00  +13.5 %   +13.5 %  ████████████████████████  ◀ in force
 60.0 %  54.00   +3.8 %    +3.8 %  ███████
100.0 %  52.00   +0.0 %    +0.0 %
`);
  });

  it('say what may be asked', async () => {
    await using api = await startApi();
    const wrong = await run(api, 'policy curve --rule maxShare.rack');
    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(wrong.errors).toContain('maxShare.region');
    expect((await run(api, 'policy curve --rule maxSpotShare --limits half')).errors).toContain('0.5 or 50%');
    expect(await run(api, 'policy curve --rule minProviders --policy other')).toMatchObject({ exitCode: 1 });
  });
});

describe('replay', () => {
  it('ends with 0 where the plan is the same, with 1 and the differences where it is not', async () => {
    await using api = await startApi();
    const same = await run(api, 'replay plan-1');
    expect(same).toMatchObject({ exitCode: 0, errors: '' });
    expect(same.out).toContain('plan plan-1: equal, byte for byte');
    api.service.recordedCost = 1;
    const other = await run(api, 'replay plan-1');
    expect(other).toMatchObject({ exitCode: 1 });
    expect(other.out).toContain('1 difference\n');
    expect(other.out).toMatch(/\/costMicroUsdPerHour +1 +59000000/);
    expect(other.errors).toContain('Another version made the plan (gpu-broker 0.0.1)');
    const json = await run(api, 'replay plan-1 --output json');
    expect(JSON.parse(json.out)).toMatchObject({ isEqual: false, differenceCount: 1 });
  });

  it('needs no broker for a downloaded record, packed or not', async () => {
    const files = { plain: path.join(at.directory, 'plan.json'), packed: path.join(at.directory, 'plan.json.gz') };
    {
      await using api = await startApi();
      const record = JSON.stringify((await call(api, 'GET', '/v1/plans/plan-1/input')).json);
      await writeFile(files.plain, record);
      await writeFile(files.packed, gzipSync(record));
    }
    const nowhere = { environment: { GPU_BROKER_URL: 'http://127.0.0.1:9' } };
    for (const file of Object.values(files)) {
      expect(await runCli(['replay', '--file', file], nowhere)).toMatchObject({ exitCode: 0, errors: '' });
    }
    const { planId, createdAt, input, plan, seed } = JSON.parse(await readFile(files.plain, 'utf8'));
    const cases: readonly (readonly [string, number, string])[] = [
      ['no JSON', 2, 'is not JSON'],
      ['{}', 2, 'is not the record of a plan (planId'],
      [JSON.stringify({ planId, createdAt, seed, plannerVersion: null, plan, input: {} }), 1, 'cannot be made again'],
      [
        JSON.stringify({ planId, createdAt, seed, plannerVersion: null, input, plan: { ...plan, gapShare: 0.5 } }),
        1,
        'is not the recorded one',
      ],
    ];
    for (const [text, exitCode, words] of cases) {
      await writeFile(files.plain, text);
      const run = await runCli(['replay', '--file', files.plain], nowhere);
      expect(run).toMatchObject({ exitCode });
      expect(run.errors).toContain(words);
    }
    expect(await runCli(['replay', '--file', path.join(at.directory, 'none')], nowhere)).toMatchObject({ exitCode: 2 });
    expect(await runCli(['replay', 'plan-1', '--file', files.plain], nowhere)).toMatchObject({ exitCode: 2 });
    expect(await runCli(['replay'], nowhere)).toMatchObject({ exitCode: 2 });
  });
});
