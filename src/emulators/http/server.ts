import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Clock } from '../../domain/time.ts';
import type { Fault } from '../world/contract.ts';
import type { Faults } from '../world/faults.ts';
import type { LoopbackCertificate } from './certificates.ts';
import type { Front, FrontRequest, FrontResponse, RequestLabel } from './front.ts';
import { closeServer, listenOnLoopback, readBody } from './listening.ts';
import type { RequestLog } from './request-log.ts';

export interface ServeOptions {
  readonly front: Front;
  /** 0 = any free port. */
  readonly port: number;
  readonly clock: Clock;
  readonly faults: Faults;
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

/** What became of a request: `null` = the connection is to be cut. */
type Outcome = FrontResponse | null;

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
  const outcome = label === null ? CRASHED : await carryOut(options, closing, request.request, fault);
  logRequest(options, request.request, label, fault, outcome);
  if (outcome === null) message.socket.destroy();
  else send(message, response, outcome);
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

async function handled(options: ServeOptions, request: FrontRequest): Promise<FrontResponse> {
  try {
    return await options.front.handle(request);
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
      return attempt(options, () => options.front.faultResponse(kind, request)) ?? CRASHED;
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
      await options.clock.sleep(fault?.delayMs ?? 0, closing);
      return handled(options, request);
  }
}

function logRequest(
  options: ServeOptions,
  request: FrontRequest,
  label: RequestLabel | null,
  fault: Fault | null,
  outcome: Outcome,
): void {
  options.log.add({
    at: options.clock.now(),
    cloud: options.front.cloud,
    service: options.front.service,
    operation: label?.operation ?? '',
    region: label?.region ?? null,
    mutating: label?.mutating ?? false,
    status: outcome?.status ?? 0,
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
