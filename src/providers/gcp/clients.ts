import { CloudCatalogClient } from '@google-cloud/billing/build/src/v1/cloud_catalog_client.js';
import { CloudQuotasClient } from '@google-cloud/cloudquotas/build/src/v1/cloud_quotas_client.js';
// The client files and not the package's index: it would load 190 clients, 100 MB more.
import { AcceleratorTypesClient } from '@google-cloud/compute/build/src/v1/accelerator_types_client.js';
import { AddressesClient } from '@google-cloud/compute/build/src/v1/addresses_client.js';
import { AdviceClient } from '@google-cloud/compute/build/src/v1/advice_client.js';
import { DisksClient } from '@google-cloud/compute/build/src/v1/disks_client.js';
import { GlobalOperationsClient } from '@google-cloud/compute/build/src/v1/global_operations_client.js';
import { InstancesClient } from '@google-cloud/compute/build/src/v1/instances_client.js';
import { MachineTypesClient } from '@google-cloud/compute/build/src/v1/machine_types_client.js';
import { ProjectsClient } from '@google-cloud/compute/build/src/v1/projects_client.js';
import { RegionsClient } from '@google-cloud/compute/build/src/v1/regions_client.js';
import { ReservationsClient } from '@google-cloud/compute/build/src/v1/reservations_client.js';
import { ZoneOperationsClient } from '@google-cloud/compute/build/src/v1/zone_operations_client.js';
import { GoogleAuth, PassThroughClient } from 'google-auth-library';
import type { z } from 'zod';
import type { Call, ProviderSettings } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { toProviderError } from './errors.ts';
import { createSockets } from './sockets.ts';

/** What all generated clients have in common. */
interface GeneratedClient {
  initialize(): Promise<unknown>;
  close(): Promise<void>;
  readonly innerApiCalls: Readonly<Record<string, unknown>>;
}

export interface Clients {
  readonly instances: GeneratedClient;
  readonly machineTypes: GeneratedClient;
  readonly acceleratorTypes: GeneratedClient;
  readonly regions: GeneratedClient;
  readonly projects: GeneratedClient;
  readonly zoneOperations: GeneratedClient;
  readonly globalOperations: GeneratedClient;
  readonly disks: GeneratedClient;
  readonly addresses: GeneratedClient;
  readonly reservations: GeneratedClient;
  readonly advice: GeneratedClient;
  readonly catalog: GeneratedClient;
  readonly quotas: GeneratedClient;
  /** One authorized request to an API whose SDK is not worth loading. Rejects as the SDKs do. */
  post(url: string, body: object, signal: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

/** `http://127.0.0.1:8080` → what a generated client wants; nothing for the real cloud. */
function endpointOptions(endpoint: string | undefined): object {
  if (endpoint === undefined) return {};
  const url = new URL(endpoint);
  const protocol = url.protocol.replace(':', '');
  const port = url.port === '' ? (protocol === 'http' ? 80 : 443) : Number(url.port);
  return { apiEndpoint: url.hostname, port, protocol };
}

type OlderOptions = { readonly fallback: true; readonly projectId: string; readonly apiKey?: string };

/** What builds a client on its first use: each parses its part of the SDK's 12 MB of protocol description, and few are needed soon. */
type Builders = Readonly<Record<Exclude<keyof Clients, 'post' | 'close'>, () => GeneratedClient>>;

export function createClients(settings: ProviderSettings, projectId: string): Clients {
  const emulated = settings.credentials === 'emulated';
  const scopes = ['https://www.googleapis.com/auth/cloud-platform'];
  const auth = new GoogleAuth(emulated ? { authClient: new PassThroughClient() } : { scopes });
  const sockets = createSockets(settings.certificateAuthority);
  sockets.serve(auth);
  // A client may change the options it is given: each gets its own.
  const compute = () => ({ auth, ...endpointOptions(settings.endpoints['compute']) });
  /** These clients carry an older copy of the authorization library, which takes no object of ours. */
  function ofOlderKind<T extends GeneratedClient & { readonly auth: object }>(
    build: (options: OlderOptions) => T,
    service: string,
  ): T {
    const client = build({
      // REST instead of gRPC: one transport, one kind of error.
      fallback: true,
      // Untold, it asks the metadata server which project this is.
      projectId,
      ...(emulated ? { apiKey: 'emulated' } : {}),
      ...endpointOptions(settings.endpoints[service]),
    });
    sockets.serve(client.auth);
    return client;
  }
  const builders: Builders = {
    instances: () => new InstancesClient(compute()),
    machineTypes: () => new MachineTypesClient(compute()),
    acceleratorTypes: () => new AcceleratorTypesClient(compute()),
    regions: () => new RegionsClient(compute()),
    projects: () => new ProjectsClient(compute()),
    zoneOperations: () => new ZoneOperationsClient(compute()),
    globalOperations: () => new GlobalOperationsClient(compute()),
    disks: () => new DisksClient(compute()),
    addresses: () => new AddressesClient(compute()),
    reservations: () => new ReservationsClient(compute()),
    advice: () => new AdviceClient(compute()),
    catalog: () => ofOlderKind((options) => new CloudCatalogClient(options), 'cloud-billing'),
    quotas: () => ofOlderKind((options) => new CloudQuotasClient(options), 'cloud-quotas'),
  };
  const built = new Map<string, GeneratedClient>();
  function once(name: keyof Builders): GeneratedClient {
    const client = built.get(name) ?? builders[name]();
    built.set(name, client);
    return client;
  }
  return {
    get instances() {
      return once('instances');
    },
    get machineTypes() {
      return once('machineTypes');
    },
    get acceleratorTypes() {
      return once('acceleratorTypes');
    },
    get regions() {
      return once('regions');
    },
    get projects() {
      return once('projects');
    },
    get zoneOperations() {
      return once('zoneOperations');
    },
    get globalOperations() {
      return once('globalOperations');
    },
    get disks() {
      return once('disks');
    },
    get addresses() {
      return once('addresses');
    },
    get reservations() {
      return once('reservations');
    },
    get advice() {
      return once('advice');
    },
    get catalog() {
      return once('catalog');
    },
    get quotas() {
      return once('quotas');
    },
    async post(url, body, signal) {
      const headers = { 'content-type': 'application/json' };
      const { data } = await auth.fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
      return data;
    },
    async close() {
      await Promise.all([...built.values()].map((client) => client.close()));
      sockets.close();
    },
  };
}

/** A last resort for calls whose signal never aborts. */
const LONGEST_CALL_MS = 120_000;

export interface ApiCall<T extends z.ZodType> {
  readonly client: GeneratedClient;
  /** The method's name in the SDK. */
  readonly method: string;
  /** `instances.insert`: for errors. */
  readonly operation: string;
  readonly mutating: boolean;
  readonly request: object;
  /** What is read of the answer. */
  readonly response: T;
}

/**
 * Sends one request, once. The SDK's own retries are off: it would repeat a read for ten minutes. The callback style is deliberate: in
 * promise style the SDK parses its whole protocol description again (half a second of CPU, 38 MB) for each error with details.
 * Throws ProviderError, or the signal's reason.
 */
export async function callApi<T extends z.ZodType>(api: ApiCall<T>, call: Call): Promise<z.output<T>> {
  const { client, method, operation, mutating, request, response } = api;
  call.signal.throwIfAborted();
  const answer = await new Promise<unknown>((resolve, reject) => {
    const abandon = () => reject(call.signal.reason);
    call.signal.addEventListener('abort', abandon, { once: true });
    const settle = (error: unknown, result: unknown) => {
      call.signal.removeEventListener('abort', abandon);
      if (error === null || error === undefined) resolve(result);
      else reject(toProviderError(error, operation, mutating));
    };
    send(client, method, request, call.signal, settle).catch((error: unknown) => settle(error, null));
  });
  const parsed = response.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new ProviderError({
    kind: mutating ? 'outcome-unknown' : 'unavailable',
    provider: 'gcp',
    operation,
    code: '',
    message: `the answer cannot be read: ${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`,
    cause: parsed.error,
  });
}

async function send(
  client: GeneratedClient,
  method: string,
  request: object,
  signal: AbortSignal,
  settle: (error: unknown, result: unknown) => void,
): Promise<void> {
  await client.initialize();
  signal.throwIfAborted();
  const invoke = client.innerApiCalls[method];
  if (typeof invoke !== 'function') throw new TypeError(`the SDK has no method ${method}`);
  const options = { signal, timeout: LONGEST_CALL_MS, retry: { retryCodes: [] }, autoPaginate: false };
  // Lists hand over their resources first and the whole answer last.
  invoke(request, options, (error: unknown, result: unknown, _next: unknown, whole: unknown) =>
    settle(error, whole ?? result),
  );
}

/** Follows page tokens to the end. */
export async function allPages<T extends z.ZodType<{ nextPageToken: string }>>(
  api: ApiCall<T>,
  call: Call,
): Promise<readonly z.output<T>[]> {
  const pages: z.output<T>[] = [];
  let pageToken = '';
  do {
    const request = pageToken === '' ? api.request : { ...api.request, pageToken };
    const page = await callApi({ ...api, request }, call);
    pages.push(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return pages;
}
