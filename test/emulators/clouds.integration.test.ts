import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { startClouds } from '../../src/emulators/clouds.ts';
import { createControlClient } from '../../src/emulators/control/client.ts';
import type { CloudsReady } from '../../src/emulators/process.ts';
import { createManualClock } from '../../src/emulators/world/clocks.ts';
import { DOCUMENTED_LIMITS } from '../../src/emulators/world/documented-limits.ts';
import type { CloudId } from '../../src/emulators/world/market-facts.ts';

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

/** The statuses of 110 requests. */
async function burst(url: string): Promise<readonly number[]> {
  const asked = Array.from({ length: 110 }, async () => {
    const body = 'Action=DescribeRegions&Version=2016-11-15';
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fetch(url, { method: 'POST', body, headers });
    await response.text();
    return response.status;
  });
  return Promise.all(asked);
}

describe('the emulated clouds', () => {
  it.each([
    ['aws', ['ec2', 'pricing', 'service-quotas', 'sqs']],
    ['azure', ['imds', 'resource-manager', 'retail-prices']],
    ['gcp', ['cloud-billing', 'cloud-quotas', 'cloud-resource-manager', 'compute']],
    ['lambda', ['api']],
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

  it('run what is inside their machines where asked to: a machine reports its notice over HTTP', async () => {
    const { promise: reported, resolve: report } = Promise.withResolvers<unknown>();
    const broker = createHttpServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(204).end();
        report([request.headers.authorization, JSON.parse(Buffer.concat(chunks).toString('utf8'))]);
      });
    }).listen(0, '127.0.0.1');
    await once(broker, 'listening');
    const clock = createManualClock(START);
    const said: string[] = [];
    const clouds = await startClouds({
      ...{ seed: 1, clock, clouds: ['azure'], machineAgent: { log: (message) => said.push(message) } },
      rateLimits: [{ cloud: 'azure', bucket: 'PutVM', capacity: 5, refillPerSecond: 1 }],
    });
    try {
      const pool = { cloud: 'azure', region: 'eastus', zone: '1', instanceType: 'Standard_NC4as_T4_v3' } as const;
      clouds.control.setFree({ ...pool, accelerator: null, market: null }, 1);
      const script = `#cloud-config\nwrite_files:\n- path: /etc/gpu-broker/callback.env\n  content: |\n    GPU_BROKER_CALLBACK_URL=http://127.0.0.1:${portOf(broker)}/\n    GPU_BROKER_CALLBACK_TOKEN=abc\n`;
      const result = clouds.world.launch({
        pool: { ...pool, market: 'spot' },
        ...{ count: 1, minCount: 1, maxPriceMicroUsdPerHour: null, names: ['m'], tags: {}, capacityAnswer: 'sync' },
        details: { userData: Buffer.from(script).toString('base64') },
      });
      const [machine] = result.accepted ? result.machines : [];
      await clock.advance(10_000);
      clouds.control.interrupt(machine?.serial ?? 0);
      await clock.advance(1_000);
      expect(await reported).toEqual([
        'Bearer abc',
        expect.objectContaining({ kind: 'notice', deadlineAt: new Date(START + 40_000).toISOString() }),
      ]);
      expect(said).toEqual([]);
    } finally {
      broker.close();
      await clouds.close();
    }
    expect(clock.nextDueAt()).toBeNull();
  });

  it('keep the rate limits that the clouds document where asked to', async () => {
    const clock = createManualClock(START);
    const rateLimits = DOCUMENTED_LIMITS.filter(({ cloud }) => cloud === 'aws');
    const clouds = await startClouds({ seed: 1, clock, clouds: ['aws'], rateLimits });
    try {
      const statuses = await burst(clouds.endpoints.aws['ec2'] ?? '');
      // The requests bear no signature: those that get through are refused for that.
      expect(statuses.filter((status) => status === 503)).toHaveLength(10);
      expect(clouds.requests().filter(({ fault }) => fault === 'rate-limit')).toHaveLength(10);
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

async function placeOf(clouds: ReturnType<typeof spawn>): Promise<CloudsReady> {
  if (clouds.stdout === null) throw new Error('no output');
  const [line] = await once(createInterface(clouds.stdout), 'line');
  return JSON.parse(String(line)) as CloudsReady;
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

  it('replays a recorded market', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'clouds-'));
    const traceFile = path.join(folder, 'market.csv');
    await writeFile(traceFile, 'offset_seconds,cloud,instance_type,free\n0,aws,g4dn.xlarge,7\n');
    const clouds = start(JSON.stringify({ seed: 3, clouds: ['aws'], traceFile }));
    const { controlUrl } = await placeOf(clouds);
    const pools = await createControlClient(controlUrl).pools({ cloud: 'aws', instanceType: 'g4dn.xlarge' });
    expect([...new Set(pools.map((pool) => pool.free))]).toEqual([7]);
    clouds.kill('SIGTERM');
    await once(clouds, 'exit');
    await rm(folder, { recursive: true });
  });

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
