import { Agent } from 'node:https';
import { createSecureContext, getCACertificates } from 'node:tls';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ResourceGraphClient } from '@azure/arm-resourcegraph';
import type { TokenCredential } from '@azure/core-auth';
import type { ProviderSettings } from '../provider.ts';
import type { AzureSettings } from './settings.ts';

/** What the adapter's parts share. */
export interface AzureClients {
  readonly compute: ComputeManagementClient;
  readonly resourceGraph: ResourceGraphClient;
  /** Base URL of Resource Manager, for what neither client speaks. */
  readonly resourceManagerUrl: string;
  /** Base URL of the Retail Prices API. */
  readonly retailPricesUrl: string;
  close(): void;
}

const RESOURCE_MANAGER_URL = 'https://management.azure.com';
const RETAIL_PRICES_URL = 'https://prices.azure.com';

/** The same for reads and mutations: the SDK's own retries are off for both, since the broker repeats what is worth repeating. */
export async function createClients(settings: ProviderSettings, azure: AzureSettings): Promise<AzureClients> {
  const endpoint = settings.endpoints['resource-manager'];
  const agent = createAgent(settings.certificateAuthority);
  const credential = await createCredential(settings.credentials);
  const options = {
    ...(endpoint === undefined ? {} : { endpoint }),
    agent,
    retryOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: 'gpu-broker' },
  };
  return {
    compute: new ComputeManagementClient(credential, azure.subscriptionId, options),
    resourceGraph: new ResourceGraphClient(credential, options),
    resourceManagerUrl: endpoint ?? RESOURCE_MANAGER_URL,
    retailPricesUrl: settings.endpoints['retail-prices'] ?? RETAIL_PRICES_URL,
    close: () => agent.destroy(),
  };
}

/** An agent of our own, so that `close` ends its sockets; the extra authority is trusted besides the system's, not instead. */
function createAgent(certificateAuthority: string | null): Agent {
  if (certificateAuthority === null) return new Agent({ keepAlive: true });
  const secureContext = createSecureContext({ ca: [...getCACertificates('default'), certificateAuthority] });
  return new Agent({ keepAlive: true, secureContext });
}

async function createCredential(kind: ProviderSettings['credentials']): Promise<TokenCredential> {
  if (kind === 'emulated') return EMULATED_CREDENTIAL;
  // 0.3 s and 30 MB that emulated clouds do not need.
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}

/** A worthless identity: emulated clouds accept any token. */
const EMULATED_CREDENTIAL: TokenCredential = {
  getToken: () => Promise.resolve({ token: 'emulated', expiresOnTimestamp: Date.UTC(2100, 0, 1) }),
};
