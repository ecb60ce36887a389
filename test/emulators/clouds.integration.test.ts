import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { startClouds } from '../../src/emulators/clouds.ts';
import { createControlClient } from '../../src/emulators/control/client.ts';
import { createManualClock } from '../../src/emulators/world/clocks.ts';
import type { CloudId } from '../../src/emulators/world/contract.ts';

const START = Date.UTC(2026, 0, 5);
const PROCESS = path.resolve(import.meta.dirname, '../../src/emulators/process.ts');

async function listening(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

describe('the emulated clouds', () => {
  it.each([
    ['aws', ['ec2', 'pricing', 'service-quotas']],
    ['azure', ['imds', 'resource-manager', 'retail-prices']],
    ['gcp', ['cloud-billing', 'compute']],
  ] as const)('start %s alone with its services', async (cloud: CloudId, services) => {
    const clouds = await startClouds({ seed: 1, clock: createManualClock(START), clouds: [cloud] });
    try {
      expect(Object.keys(clouds.endpoints[cloud]).toSorted()).toEqual(services);
      expect(clouds.certificateAuthority).toContain('BEGIN CERTIFICATE');
      expect((await createControlClient(clouds.controlUrl).world()).clouds).toEqual([cloud]);
      expect(() => clouds.world.facts(cloud === 'aws' ? 'gcp' : 'aws')).toThrow(RangeError);
    } finally {
      await clouds.close();
    }
  });

  it('take the latencies they are given, and none of visibility by default', async () => {
    const clouds = await startClouds({
      ...{ seed: 1, clock: createManualClock(START), clouds: ['aws'] },
      launchLatencyMs: { aws: 10 },
    });
    try {
      const pool = { cloud: 'aws', region: 'us-east-1', zone: 'us-east-1a', instanceType: 'g4dn.xlarge' } as const;
      clouds.control.setFree({ ...pool, accelerator: null, market: null }, 1);
      const result = clouds.world.launch({
        pool: { ...pool, market: 'on-demand' },
        ...{ count: 1, minCount: 1, maxPriceMicroUsdPerHour: null, names: null, tags: {}, details: {} },
        capacityAnswer: 'sync',
      });
      const [machine] = result.accepted ? result.machines : [];
      if (machine === undefined) throw new Error(`refused: ${JSON.stringify(result)}`);
      expect([machine.runningAt, clouds.world.visibleAt(machine)]).toEqual([START + 10, START]);
    } finally {
      await clouds.close();
    }
  });

  it('name the service whose port is taken, and leave nothing listening', async () => {
    const [first, other] = [await listening(0), await listening(0)];
    const ports = { ec2: portOf(first), pricing: portOf(other) };
    first.close();
    const starting = startClouds({ seed: 1, clock: createManualClock(START), clouds: ['aws'], ports });
    await expect(starting).rejects.toThrow(`cannot serve aws pricing on port ${ports.pricing}`);
    const again = await listening(ports.ec2);
    again.close();
    other.close();
  });
});

/** The process that the command `gpu-broker clouds` becomes. */
function start(options: string): ReturnType<typeof spawn> {
  const program = `import { runCloudsProcess } from ${JSON.stringify(PROCESS)}; await runCloudsProcess(${options});`;
  return spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['pipe', 'pipe', 'inherit'] });
}

describe('the clouds as a process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'says in one line where it is, serves, and ends well on %s',
    async (signal) => {
      const clouds = start(`{ seed: 3, speed: 10, clouds: ['aws'] }`);
      if (clouds.stdout === null) throw new Error('no output');
      const [line] = await once(createInterface(clouds.stdout), 'line');
      const ready: unknown = JSON.parse(String(line));
      expect(ready).toMatchObject({
        ready: true,
        pid: clouds.pid,
        seed: 3,
        endpoints: { aws: {}, azure: {}, gcp: {} },
      });
      const { controlUrl } = ready as { controlUrl: string };
      expect((await createControlClient(controlUrl).world()).manualClock).toBe(false);
      clouds.kill(signal);
      expect(await once(clouds, 'exit')).toEqual([0, null]);
    },
  );

  it('writes the line to a file, and ends with its input where told so', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'clouds-'));
    const readyFile = path.join(folder, 'ready.json');
    const clouds = start(
      `{ seed: 3, clouds: ['aws'], stopWhenInputEnds: true, readyFile: ${JSON.stringify(readyFile)} }`,
    );
    const exited = once(clouds, 'exit');
    let text: string | null = null;
    while (text === null && clouds.exitCode === null) text = await readFile(readyFile, 'utf8').catch(() => null);
    expect(JSON.parse(text ?? 'null')).toMatchObject({ ready: true, pid: clouds.pid });
    clouds.stdin?.end();
    expect(await exited).toEqual([0, null]);
    await rm(folder, { recursive: true });
  });
});
