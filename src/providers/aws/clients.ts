import { Agent as HttpsAgent } from 'node:https';
import { rootCertificates } from 'node:tls';
import { EC2Client } from '@aws-sdk/client-ec2';
import { PricingClient } from '@aws-sdk/client-pricing';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { ProviderSettings } from '../provider.ts';

/** AWS serves its price lists from a few regions only; this one has always been among them. */
const PRICE_LIST_REGION = 'us-east-1';
const CONNECT_TIMEOUT_MS = 5_000;
/** Worthless: only emulated clouds accept them. */
const EMULATED_CREDENTIALS = { accessKeyId: 'EMULATED', secretAccessKey: 'emulated' };

/** The SDK's clients, one per service and region, made when first used. */
export interface Clients {
  ec2(region: string): EC2Client;
  pricing(): PricingClient;
  serviceQuotas(region: string): ServiceQuotasClient;
  sqs(region: string): SQSClient;
  close(): void;
}

export function createClients(settings: ProviderSettings): Clients {
  const ec2 = new Map<string, EC2Client>();
  const quotas = new Map<string, ServiceQuotasClient>();
  const sqs = new Map<string, SQSClient>();
  let pricing: PricingClient | null = null;

  function configFor(service: string, region: string) {
    const endpoint = settings.endpoints[service];
    return {
      region,
      // Repeating is the broker's decision, for reads too: the SDK's waits do not end when the call is aborted.
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT_MS,
        ...(settings.certificateAuthority === null
          ? {}
          : {
              httpsAgent: new HttpsAgent({
                keepAlive: true,
                ca: [...rootCertificates, settings.certificateAuthority],
              }),
            }),
      },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(settings.credentials === 'emulated' ? { credentials: EMULATED_CREDENTIALS } : {}),
    };
  }

  return {
    ec2(region) {
      const client = ec2.get(region) ?? new EC2Client(configFor('ec2', region));
      ec2.set(region, client);
      return client;
    },
    pricing() {
      pricing ??= new PricingClient(configFor('pricing', PRICE_LIST_REGION));
      return pricing;
    },
    serviceQuotas(region) {
      const client = quotas.get(region) ?? new ServiceQuotasClient(configFor('service-quotas', region));
      quotas.set(region, client);
      return client;
    },
    sqs(region) {
      const client = sqs.get(region) ?? new SQSClient(configFor('sqs', region));
      sqs.set(region, client);
      return client;
    },
    close() {
      for (const client of [...ec2.values(), ...quotas.values(), ...sqs.values()]) client.destroy();
      pricing?.destroy();
      ec2.clear();
      quotas.clear();
      sqs.clear();
      pricing = null;
    },
  };
}
