import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { policyViewOf } from '../api/memory-service.ts';
import { startApi } from '../api/running-api.ts';
import { runCli } from './run-cli.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

const WORKLOAD = `apiVersion: gpu-broker/v1
kind: Workload
metadata: { name: train, team: research }
spec: { replicas: 2, accelerators: ["H100:8"] }
`;

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'gpu-broker-cli-'));
  file = path.join(directory, 'train.yaml');
  await writeFile(file, WORKLOAD);
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('a command', () => {
  it('apply creates workloads and shows them', async () => {
    await using api = await startApi();
    const run = await runCli(['apply', '-f', file, '--url', api.url]);
    expect(run).toEqual({
      exitCode: 0,
      errors: '',
      out: `WORKLOAD  TEAM      STATE   READY  PROVIDERS      $/H
train     research  placed    2/2  aws, azure  153.36
`,
    });
    expect(api.service.applied).toHaveLength(1);
  });

  it('apply reads standard input, and directories', async () => {
    await using api = await startApi();
    const environment = { GPU_BROKER_URL: api.url };
    expect((await runCli(['apply', '-f', '-'], { input: WORKLOAD, environment })).exitCode).toBe(0);
    await writeFile(path.join(directory, 'other.yml'), WORKLOAD.replace('train', 'other'));
    await writeFile(path.join(directory, 'notes.txt'), 'not a workload');
    expect((await runCli(['apply', '-f', directory], { environment })).exitCode).toBe(0);
    expect(api.service.applied.map(({ name }) => name)).toEqual(['train', 'other', 'train']);
  });

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

  it('status shows what runs where, shares against caps, cost, bound and premium', async () => {
    await using api = await startApi();
    await runCli(['apply', '-f', file, '--url', api.url]);
    const run = await runCli(['status', '--url', api.url]);
    expect(run.out).toBe(`FLEET  2026-11-01 00:00:00 UTC
cost           153.36 $/h  of everything that runs
planned cost   153.36 $/h  highs 1.15.3, 12 ms
lower bound    153.20 $/h  proven under policy default v3, so the plan is within 0.1 % of the best
premium         43.28 $/h  39.3 %: what diversification costs over 110.08 $/h
concentration       0.540  as diverse as 1.9 equal providers

SHARE OF  NAME             SHARE     CAP
provider  azure           64.1 %  60.0 %  █████████████·······
provider  aws             35.9 %  60.0 %  ███████·············
region    azure:eastus    64.1 %       -  █████████████·······
region    aws:us-east-1   35.9 %       -  ███████·············
market    on-demand      100.0 %       -  ████████████████████

RULE               OF        NOW   LIMIT
maxShare.provider  azure  60.0 %  60.0 %  at its limit
minProviders                   2       2  at its limit
maxShare.provider  aws    40.0 %  60.0 %  kept

WORKLOAD  TEAM      STATE   READY  PROVIDERS      $/H
train     research  placed    2/2  aws, azure  153.36

RUNS   MACHINES  ACCELERATORS       WHERE           TYPE                      MARKET     $/H EACH    $/H  STATE
train         1  8 × H100-80GB-SXM  aws us-east-1a  p5.48xlarge               on-demand     55.04  55.04  ready
train         1  8 × H100-80GB-SXM  azure eastus    Standard_ND96isr_H100_v5  on-demand     98.32  98.32  ready
`);
  });

  it('status says why a workload is held, and what to do with none', async () => {
    await using api = await startApi();
    expect((await runCli(['status', '--url', api.url])).out).toContain(
      'No workloads. Apply one with "gpu-broker apply -f <file>".',
    );
    await writeFile(file, WORKLOAD.replace('replicas: 2', 'replicas: 9'));
    await runCli(['apply', '-f', file, '--url', api.url]);
    expect((await runCli(['status', '--url', api.url])).out).toContain(
      'held  train: headroom: quota p5 in us-east-1 leaves room for 4 of 9\n',
    );
  });

  it('plan shows what would run, and applies nothing', async () => {
    await using api = await startApi();
    const run = await runCli(['plan', '-f', file, '--url', api.url]);
    expect(run.out).toContain(`WOULD RUN  MACHINES  ACCELERATORS       WHERE           TYPE         MARKET       $/H
train             1  8 × H100-80GB-SXM  aws us-east-1a  p5.48xlarge  on-demand  55.04

planned cost   153.36 $/h  highs 1.15.3, 12 ms
`);
    expect((await runCli(['apply', '--dry-run', '-f', file, '--url', api.url])).out).toBe(run.out);
    expect(api.service.applied).toEqual([]);
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

  it('explain gives the alternatives with their reasons', async () => {
    await using api = await startApi();
    await runCli(['apply', '-f', file, '--url', api.url]);
    const run = await runCli(['explain', 'train', '--url', api.url]);
    expect(run.out).toContain('chosen    8 × H100-80GB-SXM  aws us-east-1a');
    expect(run.out).toMatch(/sold-out .* sold out until 2026-11-01T00:03:00Z\n/);
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

  it('delete says what is released', async () => {
    await using api = await startApi();
    await runCli(['apply', '-f', file, '--url', api.url]);
    const run = await runCli(['delete', 'train', '--url', api.url]);
    expect(run).toEqual({ exitCode: 0, errors: '', out: 'train is deleting; 2 machines to release\n' });
  });

  it('events follows until told to stop', async () => {
    await using api = await startApi();
    api.service.record('broker.started', 'The broker\nstarted', null);
    const stopping = new AbortController();
    const seen = (out: string) => {
      if (out.includes('started') && api.service.events.length === 1) {
        api.service.record('lease.ready', 'a machine is ready', null);
        void api.clock.advanceSleepers(1000);
      }
      if (out.includes('a machine is ready')) stopping.abort();
    };
    const run = await runCli(['events', '--follow', '--url', api.url], { signal: stopping.signal, onWrite: seen });
    expect(run).toEqual({
      exitCode: 0,
      errors: '',
      out: `2026-11-01 00:00:00  broker.started        The broker started
2026-11-01 00:00:00  lease.ready           a machine is ready
`,
    });
  });

  it('policy check needs no broker', async () => {
    const policies = path.join(ROOT, 'config/policies');
    const run = await runCli(['policy', 'check', '-f', policies, '--url', 'http://127.0.0.1:9']);
    expect(run).toMatchObject({ exitCode: 0, errors: '' });
    expect(run.out).toContain('policy default is valid');
    const wrong = path.join(directory, 'policy.yaml');
    await writeFile(wrong, 'apiVersion: gpu-broker/v1\nkind: Policy\nmetadata: { nme: x }\n');
    expect(await runCli(['policy', 'check', '-f', wrong])).toEqual({
      exitCode: 2,
      out: '',
      errors: `error: ${wrong}:3:11 metadata.name: missing; allowed: up to 63 lower-case letters, digits and dashes, not starting or ending with a dash
${wrong}:3:13 metadata.nme: unknown key; allowed: name; did you mean name?
`,
    });
  });

  it('policy show prints the source, and what was refused since', async () => {
    await using api = await startApi();
    const run = await runCli(['policy', 'show', '--url', api.url]);
    expect(run.out).toMatch(
      /^# policy default, version 3\n# a newer file was refused: .*\napiVersion: gpu-broker\/v1\n/,
    );
  });

  it('policy list and show tell of several policies', async () => {
    await using api = await startApi();
    api.service.policies = [policyViewOf('batch', 1, []), policyViewOf('default', 3, ['x.yaml:1:1 wrong'])];
    expect(
      (await runCli(['policy', 'list', '--url', api.url])).out,
    ).toBe(`POLICY   VERSION  LOADED               TEAMS  MEASURE
batch          1  2026-11-01 00:00:00  *      spend
default        3  2026-11-01 00:00:00  *      spend

refused  x.yaml:1:1 wrong
`);
    const all = await runCli(['policy', 'show', '--url', api.url]);
    expect(all.out.match(/^# policy .*$/gm)).toEqual(['# policy batch, version 1', '# policy default, version 3']);
    expect(parseAllDocuments(all.out)).toHaveLength(2);
    const one = await runCli(['policy', 'show', 'batch', '--url', api.url]);
    expect(one.out).toMatch(/^# policy batch, version 1\napiVersion/);
    const unknown = await runCli(['policy', 'show', 'x', '--url', api.url]);
    expect(unknown).toMatchObject({ exitCode: 1 });
    expect(unknown.errors).toContain('"gpu-broker policy list" lists the policies in force.');
    const listed: unknown = JSON.parse((await runCli(['policy', 'list', '--output', 'json', '--url', api.url])).out);
    expect(listed).toMatchObject({ items: [{ name: 'batch' }, { name: 'default' }] });
  });

  it('status tells the rules of each policy where there are several, and no cap of one on the shares of all', async () => {
    await using api = await startApi();
    api.service.policies = [policyViewOf('batch', 1, []), policyViewOf('default', 3, [])];
    const rule = { policy: 'batch', rule: 'maxShare.provider', subject: 'aws', value: 0.9, limit: 0.8 };
    api.service.furtherRules = [{ ...rule, enforced: true, binding: false }];
    await runCli(['apply', '-f', file, '--url', api.url]);
    const { out } = await runCli(['status', '--url', api.url]);
    expect(out).toContain('proven under policies batch v1, default v3, so');
    expect(out).toContain('provider  aws             35.9 %    -  ');
    expect(out).toContain(`POLICY batch
RULE               OF      NOW   LIMIT
maxShare.provider  aws  90.0 %  80.0 %  exceeded

POLICY default
RULE               OF        NOW   LIMIT
maxShare.provider  azure  60.0 %  60.0 %  at its limit
`);
  });
});

describe('--output json', () => {
  it('prints what the API sent', async () => {
    await using api = await startApi();
    await runCli(['apply', '-f', file, '--url', api.url]);
    const run = await runCli(['status', '--output', 'json', '--url', api.url]);
    expect(JSON.parse(run.out)).toMatchObject({
      fleet: { cost: { microUsdPerHour: 153_360_000, usdPerHour: '153.36' } },
      workloads: [{ name: 'train', document: { spec: { replicas: 2 } } }],
    });
    const events = await runCli(['--output', 'json', 'events', '--url', api.url]);
    expect(JSON.parse(events.out)).toMatchObject({ items: [{ type: 'workload.placed' }] });
  });
});

describe('the exit code', () => {
  it('is 1, with advice, when the broker refuses', async () => {
    await using api = await startApi();
    expect(await runCli(['explain', 'nothing', '--url', api.url])).toEqual({
      exitCode: 1,
      out: '',
      errors: 'error: There is no workload "nothing"\n"gpu-broker status" lists the workloads.\n',
    });
    api.service.failure = new Error('broken');
    const failed = await runCli(['status', '--url', api.url]);
    expect(failed.exitCode).toBe(1);
    expect(failed.errors).toMatch(/urn:gpu-broker:request:request-\d+/);
  });

  it('is 2 for a wrong file, of which nothing is sent', async () => {
    await using api = await startApi();
    await writeFile(file, `${WORKLOAD}---\n${WORKLOAD.replace('train', 'other').replace('H100', 'H1000')}`);
    const run = await runCli(['apply', '-f', file, '--url', api.url]);
    expect(run.exitCode).toBe(2);
    expect(run.errors).toContain(`error: ${file}:9:37 spec.accelerators[0]: "H1000" is no known accelerator; `);
    expect(run.errors).toContain('Nothing was sent.\n');
    expect(api.service.applied).toEqual([]);
  });

  it('is 2 for one workload in two files', async () => {
    const copy = path.join(directory, 'copy.yaml');
    await writeFile(copy, WORKLOAD);
    const run = await runCli(['apply', '-f', file, copy]);
    expect(run.exitCode).toBe(2);
    expect(run.errors).toContain(`${copy}:1:1 workload train of team research stands in ${file} already`);
  });

  it.each([
    [['statu'], "unknown command 'statu'"],
    [['apply'], "required option '-f, --file <files...>' not specified"],
    [['apply', '-f', 'nowhere.yaml'], 'nowhere.yaml cannot be read'],
    [['offers', '--limit', '0'], 'Write a whole number of 1 or more.'],
    [['offers', '--market', 'futures'], 'Allowed choices are on-demand, spot, reserved.'],
    [['status', '--output', 'xml'], 'Allowed choices are table, json.'],
    [['status', '--url', 'localhost'], '"localhost" is not an http or https URL'],
  ])('is 2 for the command line %j', async (args, complaint) => {
    const run = await runCli(args);
    expect(run.exitCode).toBe(2);
    expect(run.errors).toContain(complaint);
  });

  it('is 2 when the broker finds the request wrong', async () => {
    await using api = await startApi();
    const run = await runCli(['offers', '--accelerator', 'a100', '--url', api.url]);
    expect(run.exitCode).toBe(2);
    expect(run.errors).toContain('accelerator: "a100" could be any of A100-40GB, A100-80GB; write which one');
  });

  it('is 3, with how to start one, when no broker answers', async () => {
    const { url } = await (async () => {
      await using api = await startApi();
      return { url: api.url };
    })();
    expect(await runCli(['status', '--url', url])).toEqual({
      exitCode: 3,
      out: '',
      errors: `error: No broker answers at ${url} (ECONNREFUSED)
Start one with "gpu-broker start", or name another with --url or GPU_BROKER_URL.
`,
    });
  });

  it('is 1 when something else answers', async () => {
    const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const run = await runCli(['status', '--url', `http://127.0.0.1:${port}`]);
    server.close();
    expect(run.exitCode).toBe(1);
    expect(run.errors).toContain('is not what this program expects');
  });

  it('is 0 for help and version', async () => {
    expect((await runCli(['--help'])).exitCode).toBe(0);
    expect(await runCli(['--version'])).toEqual({ exitCode: 0, out: '1.2.3\n', errors: '' });
  });
});

describe('bin/gpu-broker', () => {
  it('runs through a link, from anywhere', async () => {
    const link = path.join(directory, 'gpu-broker');
    await symlink(path.join(ROOT, 'bin/gpu-broker'), link);
    const { stdout } = await promisify(execFile)(link, ['--version'], { cwd: directory });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
