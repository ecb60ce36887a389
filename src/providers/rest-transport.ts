/**
 * For adapters of clouds without an SDK: one HTTP exchange, sent once. Node's own client, since `fetch` can neither trust another
 * certificate authority nor release its sockets, nor tell a refused connection from a broken one.
 */
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { rootCertificates } from 'node:tls';

export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

export interface Transport {
  /** Throws `NoAnswerError`, or what aborting made of the request. */
  exchange(outgoing: Outgoing, signal: AbortSignal): Promise<Answer>;
  close(): void;
}

/** The connection could not be made, or broke before the answer was whole. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  /** Whether the cloud may have got the request. */
  readonly maySent: boolean;
  constructor(maySent: boolean, reason: string) {
    super(reason);
    this.maySent = maySent;
  }
}

/** Throws TypeError for a URL that is none. */
export function createTransport(baseUrl: string, certificateAuthority: string | null): Transport {
  const base = new URL(baseUrl);
  const isSecure = base.protocol === 'https:';
  const ca = certificateAuthority === null ? {} : { ca: [...rootCertificates, certificateAuthority] };
  const agent = isSecure ? new HttpsAgent({ keepAlive: true, ...ca }) : new HttpAgent({ keepAlive: true });
  const request = isSecure ? requestHttps : requestHttp;
  const prefix = base.href.replace(/\/+$/, '');

  return {
    exchange({ method, path, headers, body }, signal) {
      return new Promise((resolve, reject) => {
        let isConnected = false;
        const outgoing = request(`${prefix}${path}`, { method, headers, agent, signal });
        const fail = ({ code, message }: NodeJS.ErrnoException): void =>
          reject(new NoAnswerError(isConnected, code ?? message));
        outgoing.on('socket', (socket) => {
          isConnected = !socket.connecting;
          socket.once(isSecure ? 'secureConnect' : 'connect', () => {
            isConnected = true;
          });
        });
        outgoing.on('error', fail);
        outgoing.on('response', (incoming) => {
          const parts: Buffer[] = [];
          incoming.on('data', (part: Buffer) => parts.push(part));
          // Cut in the middle of the body.
          incoming.on('error', fail);
          incoming.on('end', () => {
            const { statusCode = 0, headers: got } = incoming;
            resolve({
              status: statusCode,
              retryAfter: got['retry-after'] ?? null,
              text: Buffer.concat(parts).toString(),
            });
          });
        });
        outgoing.end(body ?? undefined);
      });
    },
    close: () => agent.destroy(),
  };
}
