import { Agent, request as ask, get } from 'node:http';
import { get as getOverTls } from 'node:https';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { BODY_LIMIT_BYTES } from '../../../src/emulators/http/listening.ts';
import { faultOf, result, START, stagesForEachTest } from './served-front.ts';

const serve = stagesForEachTest();

describe('a served front', () => {
  it('sees method, path, query, headers and body as they were sent', async () => {
    const { url, handled } = await serve();
    const response = await fetch(`${url}//a//b?c=d%20e`, {
      method: 'PUT',
      body: 'grüße',
      headers: { 'X-Mixed': 'Case' },
    });
    expect(await response.json()).toMatchObject({
      method: 'PUT',
      path: '//a//b?c=d%20e',
      body: 'grüße',
      headers: { 'x-mixed': 'Case' },
    });
    expect(handled).toHaveLength(1);
  });

  it('is logged with time, label, status and client', async () => {
    const stage = await serve({ label: () => ({ operation: 'RunInstances', region: 'north', mutating: true }) });
    await stage.clock.advance(5);
    await fetch(stage.url, { headers: { 'user-agent': 'a-client/1' } });
    expect(stage.log.all()).toEqual([
      {
        at: START + 5,
        cloud: 'aws',
        service: 'ec2',
        operation: 'RunInstances',
        region: 'north',
        mutating: true,
        status: 200,
        userAgent: 'a-client/1',
        fault: null,
      },
    ]);
  });

  it('keeps connections for further requests, whatever the status', async () => {
    const { url } = await serve({ handle: () => ({ status: 404, headers: {}, body: 'no' }) });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let round = 0; round < 3; round += 1) {
      await new Promise<void>((resolve, reject) => {
        get(url, { agent }, (response) => {
          ports.add(response.socket.localPort);
          response.resume().on('end', resolve);
        }).on('error', reject);
      });
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });

  it('answers HEAD and 204 without a body', async () => {
    const { url } = await serve();
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const empty = await serve({ handle: () => ({ status: 204, headers: {}, body: '' }) });
    const response = await fetch(empty.url);
    expect([response.status, response.headers.get('content-length')]).toEqual([204, null]);
  });

  it('takes bodies up to the limit and refuses larger ones without asking the front', async () => {
    const { url, handled } = await serve({
      handle: ({ body }) => ({ status: 200, headers: {}, body: `${body.length}` }),
    });
    const full = await fetch(url, { method: 'POST', body: Buffer.alloc(BODY_LIMIT_BYTES) });
    expect(await full.text()).toBe(String(BODY_LIMIT_BYTES));
    const status = await new Promise((resolve, reject) => {
      const sending = ask(url, { method: 'POST' }, (response) => resolve(response.resume().statusCode));
      sending.on('error', reject).write(Buffer.alloc(BODY_LIMIT_BYTES + 1));
    });
    expect(status).toBe(413);
    expect(handled).toHaveLength(1);
  });

  it('that throws answers 500, is logged so, and is reported', async () => {
    const stage = await serve({
      handle: () => {
        throw new Error('a defect');
      },
    });
    expect(await result(fetch(stage.url))).toBe(500);
    expect(stage.log.all()).toMatchObject([{ status: 500 }]);
    expect(stage.errors).toEqual([new Error('a defect')]);
  });

  it('that cannot label or cannot be sent is reported too', async () => {
    const unlabelled = await serve({
      label: () => {
        throw new Error('no label');
      },
    });
    expect(await result(fetch(unlabelled.url))).toBe(500);
    expect(unlabelled.errors).toEqual([new Error('no label')]);
    expect(unlabelled.handled).toEqual([]);
    const unsendable = await serve({ handle: () => ({ status: 200, headers: { 'x-a': 'line\nbreak' }, body: '' }) });
    expect(await result(fetch(unsendable.url))).toBe('UND_ERR_SOCKET');
    expect(unsendable.errors).toHaveLength(1);
  });

  it('does not take a client that hangs up for a defect', async () => {
    const stage = await serve();
    const { port } = new URL(stage.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');
        setImmediate(() => socket.destroy());
      });
      socket.on('close', () => resolve());
    });
    expect(await result(fetch(stage.url))).toBe(200);
    expect(stage.errors).toEqual([]);
  });

  it('closes with requests under way', async () => {
    const stage = await serve();
    stage.faults.add(faultOf({ kind: 'slow', delayMs: 1_000 }));
    const pending = result(fetch(stage.url));
    while (stage.clock.nextDueAt() === null) await new Promise((resolve) => setImmediate(resolve));
    await stage.close();
    expect(await pending).toBe('UND_ERR_SOCKET');
    expect(stage.clock.nextDueAt()).toBeNull();
    expect(stage.errors).toEqual([]);
  });
});

describe('closing', () => {
  it('does not wait for a front that never answers', async () => {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const stage = await serve({
      handle: () => {
        reach();
        return new Promise(() => undefined);
      },
    });
    const pending = result(fetch(stage.url));
    await reached;
    await stage.close();
    expect(await pending).toBe('UND_ERR_SOCKET');
    expect(stage.errors).toEqual([]);
  });
});

describe('TLS', () => {
  async function status(url: string, certificateAuthority?: string): Promise<number | string | undefined> {
    return new Promise((resolve) => {
      const options = certificateAuthority === undefined ? {} : { ca: certificateAuthority };
      getOverTls(url, { ...options, family: 4, agent: false }, (response) => resolve(response.resume().statusCode)).on(
        'error',
        (error) => resolve('code' in error ? String(error.code) : error.message),
      );
    });
  }

  it('is trusted by those who know the authority, for 127.0.0.1 and localhost, and by nobody else', async () => {
    const stage = await serve({ tls: true });
    const other = await serve({ tls: true });
    expect(stage.url).toMatch(/^https:\/\/127\.0\.0\.1:/);
    expect(await status(stage.url, stage.certificateAuthority)).toBe(200);
    expect(await status(stage.url.replace('127.0.0.1', 'localhost'), stage.certificateAuthority)).toBe(200);
    expect(await status(stage.url)).not.toBe(200);
    expect(await status(stage.url, other.certificateAuthority)).not.toBe(200);
  });
});
