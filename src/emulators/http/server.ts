import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Fault, VendorErrorFact, World } from '../world/contract.ts';
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

/** Serves a front on loopback: sockets, faults, the request log. */
export async function serveFront(options: ServeOptions): Promise<ServedFront> {
  const { front, certificate } = options;
  const closing = new AbortController();

  function listener(request: IncomingMessage, response: ServerResponse): void {
    answer(options, closing.signal, request, response).catch((error: unknown) => {
      // A client that hangs up, or a server that closes, is no defect of a front.
      if (!request.socket.destroyed && !closing.signal.aborted) options.onError(error);
      response.destroy();
    });
  }

  const server = front.tls
    ? createTlsServer({ cert: certificate.certificate, key: certificate.privateKey }, listener)
    : createServer(listener);
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

/** What became of a request: `null` = the connection is to be cut; `cut` = after half of the answer. */
type Outcome = (FrontResponse & { readonly cut?: boolean }) | null;

async function answer(
  options: ServeOptions,
  closing: AbortSignal,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const request = await readRequest(message);
  if (request.status !== 'read') {
    send(message, response, plainText(request.status === 'too-large' ? 413 : 400, request.status));
    return;
  }
  const label = attempt(options, () => options.front.label(request.request));
  const fault = label === null ? null : options.faults.take({ cloud: options.front.cloud, ...label });
  const outcome: Outcome = label === null ? CRASHED : await decide(options, closing, request.request, label, fault);
  logRequest(options, request.request, label, fault, outcome);
  if (outcome === null) message.socket.destroy();
  else if (outcome.cut) sendHalf(message, response, outcome);
  else send(message, response, outcome);
}

/** Nothing gets through to a cloud that is down, or past a limit. A front whose answer spans regions asks the world itself which are down. */
async function decide(
  options: ServeOptions,
  closing: AbortSignal,
  request: FrontRequest,
  label: RequestLabel,
  fault: Fault | null,
): Promise<Outcome> {
  const { front, world, rateLimits } = options;
  if (world.isDown(front.cloud, null)) return null;
  if (label.region !== null && world.isDown(front.cloud, label.region)) return worded(options, 'unavailable', request);
  const bucket = label.bucket ?? label.operation;
  if (!rateLimits.take({ cloud: front.cloud, bucket, region: label.region }))
    return worded(options, 'throttle', request);
  return carryOut(options, closing, request, fault);
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
): Promise<Outcome> {
  const kind = fault?.kind ?? null;
  switch (kind) {
    case null:
      return handled(options, request);
    case 'throttle':
    case 'unavailable':
    case 'unauthorized':
    case 'internal-error':
      return worded(options, kind, request);
    case 'vendor-error':
      return vendorAnswer(options, request, fault?.vendorError ?? null);
    case 'reset':
      return { ...(await handled(options, request)), cut: true };
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

function logRequest(
  options: ServeOptions,
  request: FrontRequest,
  label: RequestLabel | null,
  fault: Fault | null,
  outcome: Outcome,
): void {
  options.log.add({
    at: options.world.clock.now(),
    cloud: options.front.cloud,
    service: options.front.service,
    operation: label?.operation ?? '',
    region: label?.region ?? null,
    mutating: label?.mutating ?? false,
    status: outcome === null || outcome.cut ? 0 : outcome.status,
    userAgent: request.headers['user-agent'] ?? '',
    fault: fault?.kind ?? null,
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

/** Promises the whole body and breaks off in the middle of it. */
function sendHalf(message: IncomingMessage, response: ServerResponse, outcome: FrontResponse): void {
  const body = Buffer.from(outcome.body, 'utf8');
  response.writeHead(outcome.status, { ...outcome.headers, 'content-length': String(Math.max(2, body.length)) });
  response.write(body.subarray(0, Math.ceil(body.length / 2)), () => message.socket.destroy());
}

function plainText(status: number, text: string): FrontResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body: text };
}

function send(message: IncomingMessage, response: ServerResponse, outcome: FrontResponse): void {
  const body = Buffer.from(outcome.body, 'utf8');
  const bodyless = outcome.status === 204 || outcome.status === 304;
  response.writeHead(outcome.status, {
    ...outcome.headers,
    ...(bodyless ? {} : { 'content-length': String(body.length) }),
    // What is left of a body that was too large must not be taken for the next request.
    ...(message.complete ? {} : { connection: 'close' }),
  });
  response.end(bodyless || message.method === 'HEAD' ? undefined : body);
}
