import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { rootCertificates } from 'node:tls';

/** The connections of one adapter. */
export interface Sockets {
  /** Makes the requests of an SDK's authorization object use these connections. */
  serve(authorization: object): void;
  close(): void;
}

/**
 * The SDK keeps its connections in agents of its own that nobody can close, and that trust no authority but the system's. Every request
 * passes through the `fetch` of the client's authorization object, which takes an agent.
 */
export function createSockets(certificateAuthority: string | null): Sockets {
  const http = new HttpAgent({ keepAlive: true });
  const trusted = certificateAuthority === null ? {} : { ca: [...rootCertificates, certificateAuthority] };
  const https = new HttpsAgent({ keepAlive: true, ...trusted });
  const agent = (url: URL) => (url.protocol === 'http:' ? http : https);
  return {
    serve(authorization) {
      const original: unknown = Reflect.get(authorization, 'fetch');
      if (typeof original !== 'function') throw new TypeError('the SDK sends its requests in another way');
      Reflect.set(authorization, 'fetch', (input: unknown, init: object) =>
        Reflect.apply(original, authorization, [input, { ...init, agent }]),
      );
    },
    close() {
      http.destroy();
      https.destroy();
    },
  };
}
