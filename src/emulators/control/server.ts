import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { closeServer, listenOnLoopback, readBody } from '../http/listening.ts';
import type { ControlContext } from './route.ts';
import type { Router } from './routes.ts';
import { createRouter } from './routes.ts';

export interface ControlServerOptions extends ControlContext {
  /** 0 = any free port. */
  readonly port: number;
  readonly onError: (error: unknown) => void;
}

export interface ControlServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Pages of other origins must not reach the control API through a browser, by name or by script. */
function isFromHere(request: IncomingMessage): boolean {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  return (host === '127.0.0.1' || host === 'localhost') && request.headers.origin === undefined;
}

/** Serves the control API on loopback: plain JSON over HTTP. */
export async function serveControl(options: ControlServerOptions): Promise<ControlServer> {
  const router = createRouter(options);

  function listener(request: IncomingMessage, response: ServerResponse): void {
    answer(router, request, response).catch((error: unknown) => {
      if (!request.socket.destroyed) options.onError(error);
      response.destroy();
    });
  }
  const server = createServer(listener);
  const port = await listenOnLoopback(server, options.port);
  return { url: `http://127.0.0.1:${port}`, close: () => closeServer(server) };
}

async function answer(router: Router, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  const url = URL.parse(`http://control.invalid${request.url ?? '/'}`);
  let reply: { readonly status: number; readonly value: unknown };
  if (!isFromHere(request)) reply = { status: 403, value: { error: 'only programs on this machine may ask' } };
  else if (body === null || url === null) reply = { status: 400, value: { error: 'unreadable request' } };
  else reply = await router({ method: request.method ?? 'GET', url, body: body.toString('utf8') });
  const text = JSON.stringify(reply.value);
  response.writeHead(reply.status, {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(text);
}
