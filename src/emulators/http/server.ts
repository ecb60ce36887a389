import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { VendorErrorFact, World } from '../world/contract.ts';
import type { Fault, LoggedRequest } from '../world/control-contract.ts';
import type { Faults } from '../world/faults.ts';
import type { RateLimits } from '../world/rate-limits.ts';
import type { LoopbackCertificate } from './certificates.ts';
import type { FaultAnswer, Front, FrontRequest, FrontResponse, RequestLabel } from './front.ts';
import { closeServer, listenOnLoopback, readBody } from './listening.ts';
import type { RequestLog } from './request-log.ts';

export interface ServeOptions {
  readonly front: Front;
  /** 0 = any free port. */
  readonly port: number;
  readonly world: Pick<World, 'clock' | 'isDown'>;
  readonly faults: Faults;
  readonly rateLimits: RateLimits;
  readonly log: RequestLog;
  readonly certificate: LoopbackCertificate;
  /** A front threw: a defect of the front. The client has got status 500. */
  readonly onError: (error: unknown) => void;
}

export interface ServedFront {
  readonly url: string;
  close(): Promise<void>;
}

/** What a request needs beside the options: when to give up, and how to cut its connection. */
interface Line {
  readonly closing: AbortSignal;
  /** Sends a TCP reset, under TLS too. */
  reset(message: IncomingMessage): void;
}

/** Serves a front on loopback: sockets, faults, rate limits, outages, the request log. */
export async function serveFront(options: ServeOptions): Promise<ServedFront> {
  const { front, certificate, world } = options;
  const closing = new AbortController();
  /** What carries each connection, by the client's port: a TLS socket cannot send a reset itself. */
  const carriers = new Map<number, Socket>();
  const line: Line = {
    closing: closing.signal,
    reset: ({ socket }) => (carriers.get(socket.remotePort ?? -1) ?? socket).resetAndDestroy(),
  };

  /** A cloud that is down takes no connection. */
  function accept(socket: Socket): void {
    if (world.isDown(front.cloud, null)) {
      logRequest(options, null, null, { reply: null, fault: 'outage' });
      socket.resetAndDestroy();
      return;
    }
    const port = socket.remotePort ?? -1;
    carriers.set(port, socket);
    socket.once('close', () => carriers.delete(port));
  }

  function listener(request: IncomingMessage, response: ServerResponse): void {
    answer(options, line, request, response).catch((error: unknown) => {
      // A client that hangs up, or a server that closes, is no defect of a front.
      if (!request.socket.destroyed && !closing.signal.aborted) options.onError(error);
      response.destroy();
    });
  }

  const server = front.tls
    ? createTlsServer({ cert: certificate.certificate, key: certificate.privateKey }, listener)
    : createServer(listener);
  server.prependListener('connection', accept);
  server.keepAliveTimeout = 65_000;
  const port = await listenOnLoopback(server, options.port);
  return {
    url: `${front.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    close() {
      closing.abort();
      return closeServer(server);
    },
  };
}

/** What became of a request, and why. */
interface Outcome {
  /** Null = no answer: the connection is to be cut. */
  readonly reply: FrontResponse | null;
  readonly fault: LoggedRequest['fault'];
}

async function answer(
  options: ServeOptions,
  line: Line,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const request = await readRequest(message);
  if (request.status !== 'read') {
    send(message, response, plainText(request.status === 'too-large' ? 413 : 400, request.status));
    return;
  }
  const label = attempt(options, () => options.front.label(request.request));
  const outcome: Outcome =
    label === null ? { reply: CRASHED, fault: null } : await decide(options, line.closing, request.request, label);
  logRequest(options, request.request, label, outcome);
  const { reply, fault } = outcome;
  if (fault === 'reset' && reply !== null) sendHalf(line, message, response, reply);
  else if (reply !== null) send(message, response, reply);
  else if (fault === 'outage') line.reset(message);
  else message.socket.destroy();
}

/** Nothing gets through to a cloud that is down, or past a limit. A front whose answer spans regions asks the world itself which are down. */
async function decide(
  options: ServeOptions,
  closing: AbortSignal,
  request: FrontRequest,
  label: RequestLabel,
): Promise<Outcome> {
  const { front, world, rateLimits, faults } = options;
  const { cloud, service } = front;
  // A connection may be older than the outage.
  if (world.isDown(cloud, null)) return { reply: null, fault: 'outage' };
  if (label.region !== null && world.isDown(cloud, label.region))
    return { reply: worded(options, 'unavailable', request), fault: 'outage' };
  if (!rateLimits.take({ cloud, bucket: label.bucket ?? label.operation, region: label.region }))
    return { reply: worded(options, 'throttle', request), fault: 'rate-limit' };
  const fault = faults.take({ cloud, service, ...label });
  return { reply: await carryOut(options, closing, request, fault), fault: fault?.kind ?? null };
}

function worded(options: ServeOptions, answer: FaultAnswer, request: FrontRequest): FrontResponse {
  return attempt(options, () => options.front.faultResponse(answer, request)) ?? CRASHED;
}

const CRASHED: FrontResponse = plainText(500, 'the emulated cloud failed');

/** Runs a part of the front; null when it threw. */
function attempt<T>(options: ServeOptions, part: () => T): T | null {
  try {
    return part();
  } catch (error) {
    options.onError(error);
    return null;
  }
}

async function handled(
  options: ServeOptions,
  request: FrontRequest,
  forcedFailure: VendorErrorFact | null = null,
): Promise<FrontResponse> {
  try {
    return await options.front.handle(request, forcedFailure);
  } catch (error) {
    options.onError(error);
    return CRASHED;
  }
}

async function carryOut(
  options: ServeOptions,
  closing: AbortSignal,
  request: FrontRequest,
  fault: Fault | null,
): Promise<FrontResponse | null> {
  const kind = fault?.kind ?? null;
  switch (kind) {
    case null:
    case 'reset':
      return handled(options, request);
    case 'throttle':
    case 'unavailable':
    case 'unauthorized':
    case 'internal-error':
      return worded(options, kind, request);
    case 'vendor-error':
      return vendorAnswer(options, request, fault?.vendorError ?? null);
    case 'html':
      return {
        status: 502,
        headers: { 'content-type': 'text/html' },
        body: '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>',
      };
    case 'lost-request':
      return null;
    case 'lost-reply':
      await handled(options, request);
      return null;
    case 'slow':
      await options.world.clock.sleep(fault?.delayMs ?? 0, closing);
      return handled(options, request);
  }
}

async function vendorAnswer(
  options: ServeOptions,
  request: FrontRequest,
  error: VendorErrorFact | null,
): Promise<FrontResponse> {
  if (error === null) return worded(options, 'unavailable', request);
  if (error.asynchronous) return handled(options, request, error);
  return attempt(options, () => options.front.vendorErrorResponse(error, request)) ?? CRASHED;
}

/** `request` null: the connection was refused before there was one. */
function logRequest(
  options: ServeOptions,
  request: FrontRequest | null,
  label: RequestLabel | null,
  { reply, fault }: Outcome,
): void {
  options.log.add({
    at: options.world.clock.now(),
    cloud: options.front.cloud,
    service: options.front.service,
    operation: label?.operation ?? '',
    region: label?.region ?? null,
    mutating: label?.mutating ?? false,
    status: reply === null || fault === 'reset' ? 0 : reply.status,
    userAgent: request?.headers['user-agent'] ?? '',
    fault,
  });
}

type ReadRequest =
  | { readonly status: 'read'; readonly request: FrontRequest }
  | { readonly status: 'too-large' | 'unreadable url' };

async function readRequest(message: IncomingMessage): Promise<ReadRequest> {
  const body = await readBody(message);
  if (body === null) return { status: 'too-large' };
  const target = message.url ?? '/';
  // Joined as text: a path that begins with two slashes must not turn into a host.
  const url = URL.parse(target.startsWith('/') ? `http://emulated.invalid${target}` : target);
  if (url === null) return { status: 'unreadable url' };
  const headers = Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
  return { status: 'read', request: { method: message.method ?? 'GET', url, headers, body } };
}

/** Promises the whole body and breaks off in the middle of it; an answer without a body breaks off before its first byte. */
function sendHalf(line: Line, message: IncomingMessage, response: ServerResponse, reply: FrontResponse): void {
  const body = Buffer.from(reply.body, 'utf8');
  if (body.length < 2) {
    line.reset(message);
    return;
  }
  response.writeHead(reply.status, { ...reply.headers, 'content-length': String(body.length) });
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => line.reset(message));
}

function isBodyless(message: IncomingMessage, { status }: FrontResponse): boolean {
  return status === 204 || status === 304 || message.method === 'HEAD';
}

function plainText(status: number, text: string): FrontResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body: text };
}

function send(message: IncomingMessage, response: ServerResponse, reply: FrontResponse): void {
  const body = Buffer.from(reply.body, 'utf8');
  const bodyless = isBodyless(message, reply);
  response.writeHead(reply.status, {
    ...reply.headers,
    ...(bodyless && message.method !== 'HEAD' ? {} : { 'content-length': String(body.length) }),
    // What is left of a body that was too large must not be taken for the next request.
    ...(message.complete ? {} : { connection: 'close' }),
  });
  response.end(bodyless ? undefined : body);
}
