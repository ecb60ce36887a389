import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startApi } from '../api/running-api.ts';
import { runCli } from './run-cli.ts';
import { WORKLOAD, workloadFile } from './workload-file.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

const at = workloadFile();

describe('--output json', () => {
  it('prints what the API sent', async () => {
    await using api = await startApi();
    await runCli(['apply', '-f', at.file, '--url', api.url]);
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
    await writeFile(at.file, `${WORKLOAD}---\n${WORKLOAD.replace('train', 'other').replace('H100', 'H1000')}`);
    const run = await runCli(['apply', '-f', at.file, '--url', api.url]);
    expect(run.exitCode).toBe(2);
    expect(run.errors).toContain(`error: ${at.file}:9:37 spec.accelerators[0]: "H1000" is no known accelerator; `);
    expect(run.errors).toContain('Nothing was sent.\n');
    expect(api.service.applied).toEqual([]);
  });

  it('is 2 for one workload in two files', async () => {
    const copy = path.join(at.directory, 'copy.yaml');
    await writeFile(copy, WORKLOAD);
    const run = await runCli(['apply', '-f', at.file, copy]);
    expect(run.exitCode).toBe(2);
    expect(run.errors).toContain(`${copy}:1:1 workload train of team research stands in ${at.file} already`);
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
    const link = path.join(at.directory, 'gpu-broker');
    await symlink(path.join(ROOT, 'bin/gpu-broker'), link);
    const { stdout } = await promisify(execFile)(link, ['--version'], { cwd: at.directory });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
