import { describe, expect, it } from 'vitest';
import { userDataOf } from '../../src/emulators/arm/user-data.ts';
import { createMachineAgent, readCallback } from '../../src/emulators/machine-agent.ts';
import type { WorldMachine } from '../../src/emulators/world/contract.ts';
import { launched, SPOT, START, stage } from './world/world-stage.ts';

const AZURE_SPOT = { ...SPOT, cloud: 'azure' } as const;
const TOKEN = 'one-time-secret';

function bootScript(url = 'http://127.0.0.1:4000/v1/callback'): string {
  return [
    '#cloud-config',
    'write_files:',
    '  - path: /etc/gpu-broker/container.env',
    '    content: A=1',
    '  - path: /etc/gpu-broker/callback.env',
    "    permissions: '0600'",
    '    content: |',
    `      GPU_BROKER_CALLBACK_URL=${url}`,
    `      GPU_BROKER_CALLBACK_TOKEN=${TOKEN}`,
    'runcmd: [[docker, run]]',
    '',
  ].join('\n');
}

interface Sent {
  readonly at: number;
  readonly url: string;
  readonly authorization: string | null;
  readonly body: unknown;
}

/** A world with an agent in its machines; `answers` in order, the last one for ever: a status, or null for no answer. */
function watched(answers: readonly (number | null)[] = [204], clouds: readonly ('aws' | 'azure')[] = ['azure']) {
  const on = stage();
  const closing = new AbortController();
  const sent: Sent[] = [];
  const logged: string[] = [];
  const agent = createMachineAgent({
    ...{ world: on.world, clock: on.clock, clouds, userDataOf },
    fetch(input, init) {
      const request = new Request(input, init);
      const answer = answers[Math.min(sent.length, answers.length - 1)] ?? null;
      const body: unknown = JSON.parse(String(init?.body));
      sent.push({ at: on.clock.now(), url: request.url, authorization: request.headers.get('authorization'), body });
      return answer === null
        ? Promise.reject(new TypeError('fetch failed'))
        : Promise.resolve(new Response(null, { status: answer }));
    },
    log: (message) => logged.push(message),
  });
  const running = agent.run(closing.signal);
  async function close(): Promise<void> {
    closing.abort();
    await running;
  }
  return { ...on, sent, logged, close };
}

function start(on: ReturnType<typeof stage>, script: string | null = bootScript()): WorldMachine {
  const userData = script === null ? null : Buffer.from(script, 'utf8').toString('base64');
  return launched(on, { pool: AZURE_SPOT, details: { userData } });
}

describe('the agent in a machine', () => {
  it('posts the notice of its machine to the callback, once, with the token and the deadline', async () => {
    const on = watched();
    const machine = start(on);
    await on.clock.advance(5_000);
    expect(on.sent).toEqual([]);
    on.control.interrupt(machine.serial);
    await on.clock.advance(20_000);
    const deadlineAt = new Date(START + 35_000).toISOString();
    expect(on.sent).toEqual([
      {
        at: START + 6_000,
        url: 'http://127.0.0.1:4000/v1/callback',
        authorization: `Bearer ${TOKEN}`,
        body: { kind: 'notice', message: `The spot machine stops at ${deadlineAt}`, deadlineAt },
      },
    ]);
    expect(on.logged).toEqual([]);
    await on.close();
  });

  it('starts with its machine: one that never ran, or has stopped, calls nobody', async () => {
    const on = watched();
    const pending = start(on);
    on.control.interrupt(pending.serial);
    const stopped = start(on);
    await on.clock.advance(2_000);
    expect(on.sent).toEqual([]);
    on.control.interrupt(stopped.serial);
    on.world.terminate(stopped.serial);
    await on.clock.advance(10_000);
    expect(on.sent.map(({ at }) => at)).toEqual([START + 3_000]);
    await on.close();
  });

  it('tries again by the clock of the world, a few times', async () => {
    const on = watched([null, 503, 429, 204]);
    const machine = start(on);
    await on.clock.advance(3_000);
    on.control.interrupt(machine.serial);
    await on.clock.advance(20_000);
    expect(on.sent.map(({ at }) => at - START)).toEqual([4_000, 5_000, 7_000, 11_000]);
    expect(on.logged).toEqual([]);
    await on.close();
  });

  it.each([
    ['gives up after five calls', [500], 5, 'status 500'],
    ['gives up at once where it is told that it is wrong', [401], 1, 'status 401'],
    ['says when nobody answers', [null], 5, 'no answer'],
  ] as const)('%s, and says so without the token', async (_, answers, calls, why) => {
    const on = watched(answers);
    const machine = start(on);
    await on.clock.advance(3_000);
    on.control.interrupt(machine.serial);
    await on.clock.advance(29_000);
    expect(on.sent).toHaveLength(calls);
    expect(on.logged).toEqual([`machine ${machine.serial}: its notice was not delivered: ${why}`]);
    expect(JSON.stringify(on.logged)).not.toContain(TOKEN);
    await on.close();
  });

  it('stops trying when its machine has stopped', async () => {
    const on = watched([500]);
    const machine = start(on);
    await on.clock.advance(3_000);
    on.control.interrupt(machine.serial);
    await on.clock.advance(1_000);
    on.control.lose(machine.serial);
    await on.clock.advance(20_000);
    expect(on.sent).toHaveLength(1);
    await on.close();
  });

  it.each([
    'http://10.0.0.7/callback',
    'http://metadata.internal/',
    'http://127.0.0.1.example.com/',
    'ftp://127.0.0.1/',
    'nonsense',
  ])('does not call %s, and says so', async (url) => {
    const on = watched();
    const machine = start(on, bootScript(url));
    await on.clock.advance(3_000);
    on.control.interrupt(machine.serial);
    await on.clock.advance(20_000);
    expect(on.sent).toEqual([]);
    expect(on.logged).toEqual([`machine ${machine.serial}: its callback is not on loopback, and is not called`]);
    await on.close();
  });

  it('has nothing to do without a callback, nor on clouds that tell of notices outside', async () => {
    const on = watched();
    for (const script of [null, '#!/bin/sh\n', '#cloud-config\n{{{', '#cloud-config\nruncmd: []\n']) {
      const machine = start(on, script);
      on.control.interrupt(machine.serial);
    }
    const elsewhere = launched(on, { pool: SPOT, details: { userData: Buffer.from(bootScript()).toString('base64') } });
    on.control.interrupt(elsewhere.serial);
    await on.clock.advance(20_000);
    expect([on.sent, on.logged]).toEqual([[], []]);
    await on.close();
  });
});

describe('the callback in a boot script', () => {
  it('is read as written, and in base64', () => {
    const expected = { url: 'http://127.0.0.1:4000/v1/callback', token: TOKEN };
    expect(readCallback(bootScript())).toEqual(expected);
    const content = Buffer.from(`GPU_BROKER_CALLBACK_URL=${expected.url}\nGPU_BROKER_CALLBACK_TOKEN=${TOKEN}\n`);
    const file = `{ path: /etc/gpu-broker/callback.env, encoding: b64, content: ${content.toString('base64')} }`;
    expect(readCallback(`#cloud-config\nwrite_files: [${file}]\n`)).toEqual(expected);
  });
});
