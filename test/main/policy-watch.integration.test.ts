import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PolicyWatch, watchPolicies } from '../../src/main/policy-watch.ts';
import { type BrokerRig, startBrokerRig } from '../support/broker-rig.ts';

let directory: string;
let file: string;
let sample: string;
let rig: BrokerRig;
let watching: PolicyWatch;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'gpu-broker-policies-'));
  file = path.join(directory, 'default.yaml');
  sample = await readFile('config/policies/default.yaml', 'utf8');
  await writeFile(file, sample);
  rig = await startBrokerRig({ clouds: ['aws'] });
  watching = watchPolicies(directory, rig.keeper);
  await watching.reload();
});

afterEach(async () => {
  await watching.close();
  await rig.close();
  await rm(directory, { recursive: true, force: true });
});

/** Writes the sample with one thing changed, loads it, and tells what the broker then says of its policy. */
async function loadChanged(before: string, after: string) {
  expect(sample, 'the sample has what the test changes').toContain(before);
  await writeFile(file, sample.replace(before, after));
  await watching.reload();
  return rig.service.getPolicy();
}

describe('policy files of a running broker', () => {
  it.each([
    [
      'a wrong key',
      'minProviders: 2',
      'minProvider: 2',
      /:\d+:\d+ spec\.diversification\.minProvider: unknown key; allowed: .*did you mean minProviders\?/,
    ],
    [
      'a share of 1.5',
      'provider: 0.6',
      'provider: 1.5',
      /:\d+:\d+ spec\.diversification\.maxShare\.provider: 1\.5 .*allowed: a share above 0, up to 1/,
    ],
    [
      'an unknown provider',
      'allow: [aws, azure, gcp]',
      'allow: [aws, azure, oracle]',
      /:\d+:\d+ spec\.providers\.allow\[2\]: .*oracle.*allowed: aws, azure, gcp/,
    ],
    [
      'rules that contradict each other',
      'provider: 0.6',
      'provider: 0.3',
      /:\d+:\d+ spec\.diversification\.maxShare\.provider: /,
    ],
    [
      'a cycle of rules',
      'onInfeasible: hold',
      'onInfeasible: relax\n    relax: [minProviders, maxShare.provider, minProviders]',
      /:\d+:\d+ spec\.diversification\.relax\[2\]: /,
    ],
  ])(
    'refuse %s, naming file, line, column and what is allowed; the policy in force stays',
    async (_what, before, after, message) => {
      const inForce = await rig.service.getPolicy();
      const shown = await loadChanged(before, after);
      expect(shown.rejected).toHaveLength(1);
      expect(shown.rejected[0]).toMatch(message);
      expect(shown.rejected[0]?.startsWith(file)).toBe(true);
      expect(shown).toMatchObject({ version: inForce.version, source: inForce.source, policy: inForce.policy });
      expect((await rig.events('policy.rejected')).at(-1)?.message).toContain(shown.rejected[0]);
    },
  );

  it('put a good change in force as a new version, and the same text as none', async () => {
    const before = await rig.service.getPolicy();
    const shown = await loadChanged('provider: 0.6', 'provider: 0.7');
    expect(shown.rejected).toEqual([]);
    expect(shown.version).toBe(before.version + 1);
    expect(shown.policy.maxShare.provider).toBe(0.7);
    await watching.reload();
    expect((await rig.service.getPolicy()).version).toBe(shown.version);
  });

  it('accept the file again once it is mended', async () => {
    await loadChanged('provider: 0.6', 'provider: 1.5');
    await writeFile(file, sample);
    await watching.reload();
    expect((await rig.service.getPolicy()).rejected).toEqual([]);
  });

  it('refuse a second policy rather than ignore it', async () => {
    const other = sample.replace('name: default', 'name: other').replace('teams: ["*"]', 'teams: [research]');
    await writeFile(file, sample.replace('teams: ["*"]', 'teams: [serving]'));
    await writeFile(path.join(directory, 'other.yaml'), other);
    await watching.reload();
    expect((await rig.service.getPolicy()).rejected[0]).toContain('one policy governs the whole fleet');
  });
});
