import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenOnLoopback } from '../../../src/emulators/http/listening.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { EmulatedAzure } from './emulated-azure.ts';
import { anyCall, LATENCY_MS, launchRequest, setFree, startEmulatedAzure, T4_POOL } from './emulated-azure.ts';

const TOKEN = 'one-time-token';
const SPOT = { ...T4_POOL, market: 'spot' as const };
const REF = { region: SPOT.region, zone: '1', idempotencyKey: '01attempt', index: 0, instanceId: null };
/** The script's own pace is a second. */
const PATIENCE = { timeout: 20_000, interval: 20 };

interface Received {
  readonly authorization: string | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

let azure: EmulatedAzure;
let provider: Provider;
let broker: Server;
let brokerUrl = '';
let received: Received[] = [];
let answers: number[] = [];
let script: ChildProcess | null = null;

beforeEach(async () => {
  azure = await startEmulatedAzure();
  provider = await azure.adapter();
  setFree(azure, 20);
  received = [];
  answers = [];
  broker = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { authorization, 'content-type': type } = request.headers;
      received.push({ authorization, type, body: Buffer.concat(chunks).toString('utf8') });
      response.statusCode = answers.shift() ?? 204;
      response.end();
    });
  });
  brokerUrl = `http://127.0.0.1:${await listenOnLoopback(broker, 0)}/v1/callbacks/notice`;
});

afterEach(async () => {
  script?.kill('SIGKILL');
  script = null;
  broker.closeAllConnections();
  broker.close();
  await azure.close();
});

/** Runs the script as the machine would, with a metadata service that knows which machine asks. */
function run(metadataUrl = `${azure.clouds.endpoints.azure['imds']}/machines/b-01attempt-0`): void {
  script = spawn('sh', ['-s'], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      GPU_BROKER_CALLBACK_URL: brokerUrl,
      GPU_BROKER_CALLBACK_TOKEN: TOKEN,
      GPU_BROKER_METADATA_URL: metadataUrl,
    },
  });
  script.stdin?.end(provider.noticeRelay?.script ?? '');
}

/** A running spot machine that is told of its eviction. */
async function interrupted(): Promise<void> {
  await provider.launch(launchRequest({ pool: SPOT }), anyCall());
  await azure.clock.advance(LATENCY_MS);
  azure.clouds.control.interrupt(azure.clouds.world.machines('azure')[0]?.serial ?? 0);
}

function polls(): number {
  return azure.requests('ScheduledEvents').length;
}

describe('the notice relay', () => {
  it('tells the broker of an eviction once, with its token and the deadline', async () => {
    await provider.launch(launchRequest({ pool: SPOT }), anyCall());
    await azure.clock.advance(LATENCY_MS);
    // The script lives on when the metadata service has a bad moment.
    azure.fail('unavailable', 'ScheduledEvents', 1);
    run();
    await expect.poll(polls, PATIENCE).toBeGreaterThan(0);
    expect(received).toEqual([]);
    azure.clouds.control.interrupt(azure.clouds.world.machines('azure')[0]?.serial ?? 0);
    const deadlineAt = new Date(azure.clock.now() + 30_000).toISOString().replace('.000Z', 'Z');
    await expect.poll(() => received.length, PATIENCE).toBe(1);
    expect(received[0]).toMatchObject({ authorization: `Bearer ${TOKEN}`, type: 'application/json' });
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({
      kind: 'notice',
      message: 'Preempt: The virtual machine will be evicted: "Spot" capacity is needed.',
      deadlineAt,
    });
    const before = polls();
    await expect.poll(polls, PATIENCE).toBeGreaterThan(before + 1);
    expect(received).toHaveLength(1);
  });

  it('tries again when the broker does not take it', async () => {
    await interrupted();
    answers = [503];
    run();
    await expect.poll(() => received.length, PATIENCE).toBe(2);
    expect(received[1]?.body).toBe(received[0]?.body);
  });

  it.each([
    ['in one line', 0],
    ['in many lines', 2],
  ])('tells every kind of event for what it is, from a document %s', async (_what, indent) => {
    const kinds = {
      Reboot: 'maintenance',
      Redeploy: 'maintenance',
      Freeze: 'maintenance',
      Terminate: 'notice',
      Preempt: 'notice',
    };
    const Description = 'tab\\t{"EventId": "no"} [ü]';
    const Events = Object.keys(kinds).map((EventType, index) => ({
      EventId: `A-${index}`,
      EventStatus: 'Scheduled',
      EventType,
      ResourceType: 'VirtualMachine',
      Resources: ['one', 'b-01attempt-0'],
      NotBefore: index === 0 ? '' : `Sat, 0${index} Sep 2026 08:09:07 GMT`,
      Description,
      EventSource: 'Platform',
      DurationInSeconds: 9,
    }));
    const document = JSON.stringify({ Events, DocumentIncarnation: 3 }, null, indent);
    const metadata = createServer((_request, response) => response.end(document));
    const port = await listenOnLoopback(metadata, 0);
    run(`http://127.0.0.1:${port}`);
    await expect.poll(() => received.length, PATIENCE).toBe(Events.length);
    metadata.closeAllConnections();
    metadata.close();
    expect(received.map(({ body }) => JSON.parse(body))).toEqual(
      Object.entries(kinds).map(([type, kind], index) => ({
        kind,
        message: `${type}: ${Description}`,
        deadlineAt: index === 0 ? null : `2026-09-0${index}T08:09:07Z`,
      })),
    );
  });

  it('an evicted machine is gone by the cloud’s own word, too', async () => {
    await interrupted();
    expect((await provider.getInstance(REF, anyCall()))?.state).toBe('running');
    await azure.clock.advance(60_000);
    expect(await provider.getInstance(REF, anyCall())).toBeNull();
  });
});
