import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { policyViewOf } from '../api/memory-service.ts';
import { startApi } from '../api/running-api.ts';
import { runCli } from './run-cli.ts';
import { WORKLOAD, workloadFile } from './workload-file.ts';

const at = workloadFile();

describe('a command on the fleet', () => {
  it('apply creates workloads and shows them', async () => {
    await using api = await startApi();
    const run = await runCli(['apply', '-f', at.file, '--url', api.url]);
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
    await writeFile(path.join(at.directory, 'other.yml'), WORKLOAD.replace('train', 'other'));
    await writeFile(path.join(at.directory, 'notes.txt'), 'not a workload');
    expect((await runCli(['apply', '-f', at.directory], { environment })).exitCode).toBe(0);
    expect(api.service.applied.map(({ name }) => name)).toEqual(['train', 'other', 'train']);
  });

  it('status shows what runs where, shares against caps, cost, bound and premium', async () => {
    await using api = await startApi();
    await runCli(['apply', '-f', at.file, '--url', api.url]);
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
    await writeFile(at.file, WORKLOAD.replace('replicas: 2', 'replicas: 9'));
    await runCli(['apply', '-f', at.file, '--url', api.url]);
    expect((await runCli(['status', '--url', api.url])).out).toContain(
      'held  train: headroom: quota p5 in us-east-1 leaves room for 4 of 9\n',
    );
  });

  it('plan shows what would run, and applies nothing', async () => {
    await using api = await startApi();
    const run = await runCli(['plan', '-f', at.file, '--url', api.url]);
    expect(run.out).toContain(`WOULD RUN  MACHINES  ACCELERATORS       WHERE           TYPE         MARKET       $/H
train             1  8 × H100-80GB-SXM  aws us-east-1a  p5.48xlarge  on-demand  55.04

planned cost   153.36 $/h  highs 1.15.3, 12 ms
`);
    expect((await runCli(['apply', '--dry-run', '-f', at.file, '--url', api.url])).out).toBe(run.out);
    expect(api.service.applied).toEqual([]);
  });

  it('explain gives the alternatives with their reasons', async () => {
    await using api = await startApi();
    await runCli(['apply', '-f', at.file, '--url', api.url]);
    const run = await runCli(['explain', 'train', '--url', api.url]);
    expect(run.out).toContain('chosen    8 × H100-80GB-SXM  aws us-east-1a');
    expect(run.out).toMatch(/sold-out .* sold out until 2026-11-01T00:03:00Z\n/);
  });

  it('delete says what is released', async () => {
    await using api = await startApi();
    await runCli(['apply', '-f', at.file, '--url', api.url]);
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

  it('status tells the rules of each policy where there are several, and no cap of one on the shares of all', async () => {
    await using api = await startApi();
    api.service.policies = [policyViewOf('batch', 1, []), policyViewOf('default', 3, [])];
    const rule = { policy: 'batch', rule: 'maxShare.provider', subject: 'aws', value: 0.9, limit: 0.8 };
    api.service.furtherRules = [{ ...rule, enforced: true, binding: false }];
    await runCli(['apply', '-f', at.file, '--url', api.url]);
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
