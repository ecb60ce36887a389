import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPolicyKeeper } from '../../src/broker/policy-keeper.ts';
import { type PolicyWatch, watchPolicies } from '../../src/main/policy-watch.ts';
import { type BrokerRig, permissivePolicy, startBrokerRig } from '../support/broker-rig.ts';

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
  return rig.service.getPolicy('default');
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
      const inForce = await rig.service.getPolicy('default');
      const shown = await loadChanged(before, after);
      expect(shown.rejected).toHaveLength(1);
      expect(shown.rejected[0]).toMatch(message);
      expect(shown.rejected[0]?.startsWith(file)).toBe(true);
      expect(shown).toMatchObject({ version: inForce.version, source: inForce.source, policy: inForce.policy });
      expect((await rig.events('policy.rejected')).at(-1)?.message).toContain(shown.rejected[0]);
    },
  );

  it('put a good change in force as a new version, and the same text as none', async () => {
    const before = await rig.service.getPolicy('default');
    const shown = await loadChanged('provider: 0.6', 'provider: 0.7');
    expect(shown.rejected).toEqual([]);
    expect(shown.version).toBe(before.version + 1);
    expect(shown.policy.maxShare.provider).toBe(0.7);
    await watching.reload();
    expect((await rig.service.getPolicy('default')).version).toBe(shown.version);
  });

  it('accept the file again once it is mended', async () => {
    await loadChanged('provider: 0.6', 'provider: 1.5');
    await writeFile(file, sample);
    await watching.reload();
    expect((await rig.service.getPolicy('default')).rejected).toEqual([]);
  });

  it('put several in force side by side, and withdraw one whose file is gone', async () => {
    const other = sample.replace('name: default', 'name: another').replace('teams: ["*"]', 'teams: [research]');
    await writeFile(file, sample.replace('teams: ["*"]', 'teams: [serving]'));
    await writeFile(path.join(directory, 'other.yaml'), other);
    await watching.reload();
    const named = async () =>
      (await rig.service.listPolicies()).map(({ policy, version }) => `${policy.name} ${version}`);
    const [, { version } = { version: 0 }] = await rig.service.listPolicies();
    expect(await named()).toEqual(['another 1', `default ${version}`]);
    await rm(path.join(directory, 'other.yaml'));
    await watching.reload();
    expect(await named()).toEqual([`default ${version}`]);
    await expect(rig.service.getPolicy('another')).rejects.toMatchObject({ code: 'policy-not-found' });
    expect((await rig.events('policy.withdrawn')).map(({ message }) => message)).toEqual([
      'Policy another is no longer in force: its file is gone',
    ]);
  });

  it('refuse two policies for one team, and then replace none', async () => {
    const before = await rig.service.listPolicies();
    await writeFile(path.join(directory, 'other.yaml'), sample.replace('name: default', 'name: other'));
    await writeFile(file, sample.replace('provider: 0.6', 'provider: 0.7'));
    await watching.reload();
    const [shown, ...more] = await rig.service.listPolicies();
    expect(more).toEqual([]);
    expect(shown?.rejected[0]).toContain('is governed by policy "default"');
    expect({ ...shown, rejected: [] }).toEqual(before[0]);
  });

  it('do not go back and forth between brokers whose files differ', async () => {
    const other = createPolicyKeeper(rig.context);
    const theirs = { policy: { ...permissivePolicy(), name: 'theirs' }, source: 'theirs' };
    await other.accept([theirs]);
    await watching.reload();
    expect((await rig.service.listPolicies()).map(({ policy }) => policy.name)).toEqual(['theirs']);
    await loadChanged('provider: 0.6', 'provider: 0.7');
    await other.accept([theirs]);
    expect((await rig.service.listPolicies()).map(({ policy }) => policy.name)).toEqual(['default']);
  });
});
