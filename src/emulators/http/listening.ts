import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';

/** Largest request body that is read. */
export const BODY_LIMIT_BYTES = 4 * 1024 * 1024;

/** Starts listening on loopback only; port 0 = any free one. Rejects when the port is taken. Resolves to the port. */
export async function listenOnLoopback(server: Server | TlsServer, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening socket without a port');
  return address.port;
}

/** Stops accepting and cuts every connection, kept-alive and busy ones too. */
export async function closeServer(server: Server | TlsServer): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** The whole body; null when it is larger than {@link BODY_LIMIT_BYTES}. Rejects when the client goes away. */
export async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a request body must be read as bytes');
    length += chunk.length;
    if (length > BODY_LIMIT_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
