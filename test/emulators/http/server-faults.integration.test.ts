import { Agent, get } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { connect as connectOverTls } from 'node:tls';
import { describe, expect, it } from 'vitest';
import type { Stage } from './served-front.ts';
import { faultOf, result, START, stagesForEachTest } from './served-front.ts';

const serve = stagesForEachTest();

describe('faults over real sockets', () => {
  it.each(['throttle', 'unavailable', 'unauthorized', 'internal-error'] as const)(
    '%s is answered by the front in its words',
    async (kind) => {
      const stage = await serve();
      stage.faults.add(faultOf({ kind }));
      const response = await fetch(stage.url);
      expect([response.status, response.headers.get('x-answer')]).toEqual([503, kind]);
      expect(stage.handled).toEqual([]);
      expect(stage.log.all()).toMatchObject([{ status: 503, fault: kind }]);
    },
  );

  it('html is what a proxy says', async () => {
    const stage = await serve();
    stage.faults.add(faultOf({ kind: 'html' }));
    const response = await fetch(stage.url);
    expect([response.status, response.headers.get('content-type')]).toEqual([502, 'text/html']);
    expect(await response.text()).toContain('<h1>502 Bad Gateway</h1>');
    expect(stage.handled).toEqual([]);
  });

  it('a lost request never reaches the front', async () => {
    const stage = await serve();
    stage.faults.add(faultOf({ kind: 'lost-request', remaining: 1 }));
    expect(await result(fetch(stage.url, { method: 'POST', body: 'x' }))).toBe('UND_ERR_SOCKET');
    expect(stage.handled).toEqual([]);
    expect(stage.log.all()).toMatchObject([{ status: 0, fault: 'lost-request' }]);
    expect(await result(fetch(stage.url))).toBe(200);
  });

  it('a lost reply leaves the request carried out', async () => {
    const stage = await serve();
    stage.faults.add(faultOf({ kind: 'lost-reply', remaining: 1 }));
    expect(await result(fetch(stage.url, { method: 'POST', body: 'x' }))).toBe('UND_ERR_SOCKET');
    expect(stage.handled).toHaveLength(1);
    expect(stage.log.all()).toMatchObject([{ status: 0, fault: 'lost-reply' }]);
  });

  it('a slow request is carried out when its time has come', async () => {
    const stage = await serve();
    stage.faults.add(faultOf({ kind: 'slow', delayMs: 1_000 }));
    const pending = result(fetch(stage.url));
    while (stage.clock.nextDueAt() === null) await new Promise((resolve) => setImmediate(resolve));
    await stage.clock.advance(999);
    expect(stage.handled).toEqual([]);
    await stage.clock.advance(1);
    expect(await pending).toBe(200);
    expect(stage.log.all()).toMatchObject([{ at: START + 1_000, fault: 'slow' }]);
  });

  it('only what the pattern names is hit', async () => {
    const stage = await serve();
    stage.faults.add(faultOf({ operation: 'Run*', service: 'ec2' }));
    stage.faults.add(faultOf({ id: 'other', service: 'pricing' }));
    expect(await result(fetch(`${stage.url}/RunInstances`))).toBe(503);
    expect(await result(fetch(`${stage.url}/DescribeInstances`))).toBe(200);
  });
});

describe('errors of the vendor', () => {
  const vendorError = { status: 409, code: 'OverconstrainedAllocationRequest', message: 'no', asynchronous: false };

  it('are answered at once in the envelope of the front', async () => {
    const stage = await serve();
    stage.faults.add(faultOf({ kind: 'vendor-error', vendorError, remaining: 1 }));
    const response = await fetch(stage.url);
    expect([response.status, response.headers.get('x-code')]).toEqual([409, vendorError.code]);
    expect(stage.handled).toEqual([]);
    expect(stage.log.all()).toMatchObject([{ status: 409, fault: 'vendor-error' }]);
    expect(await result(fetch(stage.url))).toBe(200);
  });

  it('that are asynchronous are handed to the front with the request, and spare requests that change nothing', async () => {
    const stage = await serve({
      label: ({ method }) => ({ operation: 'X', region: null, mutating: method === 'PUT' }),
    });
    const later = { ...vendorError, asynchronous: true };
    stage.faults.add(faultOf({ kind: 'vendor-error', vendorError: later, remaining: 1 }));
    expect(await result(fetch(stage.url))).toBe(200);
    expect(await result(fetch(stage.url, { method: 'PUT', body: 'x' }))).toBe(200);
    expect(await result(fetch(stage.url, { method: 'PUT', body: 'x' }))).toBe(200);
    expect(stage.forced).toEqual([null, later, null]);
    expect(stage.log.all().map(({ fault }) => fault)).toEqual([null, 'vendor-error', null]);
  });
});

describe.each([{ tls: false }, { tls: true }])('a reset, with TLS: $tls', ({ tls }) => {
  /** What arrives until the connection ends, and how it ends. */
  async function received(stage: Stage, method = 'GET'): Promise<{ readonly text: string; readonly end: string }> {
    const { promise, resolve } = Promise.withResolvers<{ readonly text: string; readonly end: string }>();
    const { port } = new URL(stage.url);
    const socket: Socket = tls
      ? connectOverTls({ port: Number(port), host: '127.0.0.1', ca: stage.certificateAuthority })
      : connect(Number(port), '127.0.0.1');
    let text = '';
    let end = 'close';
    socket.on(tls ? 'secureConnect' : 'connect', () => socket.write(`${method} /x HTTP/1.1\r\nhost: x\r\n\r\n`));
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
    });
    socket.on('end', () => {
      end = 'end';
    });
    socket.on('error', (error) => {
      end = 'code' in error ? String(error.code) : error.message;
    });
    socket.on('close', () => resolve({ text, end }));
    return promise;
  }

  it('comes in the middle of the real answer, whose length was promised, after the request is carried out', async () => {
    const body = 'x'.repeat(2_000);
    const stage = await serve({ tls, handle: () => ({ status: 200, headers: {}, body }) });
    stage.faults.add(faultOf({ kind: 'reset', remaining: 1 }));
    const { text, end } = await received(stage);
    const [head = '', rest] = text.split('\r\n\r\n');
    expect(head).toContain('200 OK');
    expect(head).toContain('content-length: 2000');
    expect(rest).toHaveLength(1_000);
    expect(end).toBe('ECONNRESET');
    expect(stage.handled).toHaveLength(1);
    expect(stage.log.all()).toMatchObject([{ status: 0, fault: 'reset' }]);
    expect(stage.errors).toEqual([]);
  });

  it('of an answer without a body comes before its first byte', async () => {
    const stage = await serve({ tls, handle: () => ({ status: 204, headers: {}, body: '' }) });
    stage.faults.add(faultOf({ kind: 'reset' }));
    expect(await received(stage)).toEqual({ text: '', end: 'ECONNRESET' });
    const head = await serve({ tls });
    head.faults.add(faultOf({ kind: 'reset' }));
    expect(await received(head, 'HEAD')).toEqual({ text: '', end: 'ECONNRESET' });
    expect(head.handled).toHaveLength(1);
  });

  it('meets every connection to a cloud that is down, before a byte of a request is read', async () => {
    const stage = await serve({ tls });
    stage.outages.set('aws', null, true);
    expect((await received(stage)).end).toBe('ECONNRESET');
    expect(stage.log.all()).toMatchObject([{ operation: '', status: 0, fault: 'outage', userAgent: '' }]);
    stage.outages.set('aws', null, false);
    stage.faults.add(faultOf({ kind: 'reset' }));
    expect((await received(stage)).text).toContain('200 OK');
    expect(stage.errors).toEqual([]);
  });
});

describe('outages', () => {
  it('of the cloud cut connections that are older, without carrying anything out', async () => {
    const stage = await serve();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    function over(path: string): Promise<unknown> {
      return new Promise((resolve) => {
        get(`${stage.url}${path}`, { agent }, (response) => response.resume().on('end', () => resolve('answered'))).on(
          'error',
          (error) => resolve('code' in error ? error.code : error.message),
        );
      });
    }
    expect(await over('/A')).toBe('answered');
    stage.outages.set('aws', null, true);
    expect(await over('/B')).toBe('ECONNRESET');
    agent.destroy();
    expect(stage.handled).toHaveLength(1);
    expect(stage.log.all().at(-1)).toMatchObject({ operation: 'B', fault: 'outage', status: 0 });
    stage.outages.set('aws', null, false);
    expect(await result(fetch(`${stage.url}/C`))).toBe(200);
  });

  it('of a region answer what is asked of it with "unavailable", and spend no fault meanwhile', async () => {
    const stage = await serve({
      label: ({ url }) => ({ operation: 'X', region: url.pathname.slice(1) || null, mutating: false }),
    });
    stage.outages.set('aws', 'north', true);
    stage.faults.add(faultOf({ kind: 'html', region: 'north', remaining: 1 }));
    const down = await fetch(`${stage.url}/north`);
    expect([down.status, down.headers.get('x-answer')]).toEqual([503, 'unavailable']);
    expect(await result(fetch(`${stage.url}/south`))).toBe(200);
    expect(await result(fetch(stage.url))).toBe(200);
    expect(stage.log.all().map(({ fault, status }) => [fault, status])).toEqual([
      ['outage', 503],
      [null, 200],
      [null, 200],
    ]);
    expect(stage.faults.list()).toHaveLength(1);
    stage.outages.set('aws', 'north', false);
    expect(await result(fetch(`${stage.url}/north`))).toBe(502);
  });
});

describe('rate limits', () => {
  it('answer with "throttle" past the limit, per region, by bucket or else by operation', async () => {
    const stage = await serve({
      label: ({ url }) => ({
        ...{ operation: 'GetThing', region: url.pathname.slice(1), mutating: false },
        ...(url.searchParams.has('bucket') ? { bucket: 'read' } : {}),
      }),
    });
    stage.rateLimits.set('aws', 'read', { capacity: 1, refillPerSecond: 1 });
    async function ask(path: string): Promise<unknown> {
      const response = await fetch(`${stage.url}${path}`);
      return response.headers.get('x-answer') ?? response.status;
    }
    expect([await ask('/north?bucket'), await ask('/north?bucket'), await ask('/south?bucket')]).toEqual([
      ...[200, 'throttle', 200],
    ]);
    expect([await ask('/north'), await ask('/north')]).toEqual([200, 200]);
    await stage.clock.advance(1_000);
    expect(await ask('/north?bucket')).toBe(200);
    expect(stage.handled).toHaveLength(5);
    expect(stage.log.all().map(({ fault }) => fault)).toEqual([null, 'rate-limit', null, null, null, null]);
  });
});
