import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { policyViewOf } from '../api/memory-service.ts';
import { startApi } from '../api/running-api.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runCli } from './run-cli.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

const at = temporaryDirectory();

describe('a command on policies', () => {
  it('policy check needs no broker', async () => {
    const policies = path.join(ROOT, 'config/policies');
    const run = await runCli(['policy', 'check', '-f', policies, '--url', 'http://127.0.0.1:9']);
    expect(run).toMatchObject({ exitCode: 0, errors: '' });
    expect(run.out).toContain('policy default is valid');
    const wrong = path.join(at.directory, 'policy.yaml');
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
});
