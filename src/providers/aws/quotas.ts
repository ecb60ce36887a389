import type { EC2Client, Instance as Ec2Instance } from '@aws-sdk/client-ec2';
import type { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { GetAWSDefaultServiceQuotaCommand, GetServiceQuotaCommand } from '@aws-sdk/client-service-quotas';
import type { Quota } from '../../domain/offer.ts';
import type { Call, QuotaQuery, QuotaSnapshot } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { GpuType } from './catalogue.ts';
import { gpuTypes } from './catalogue.ts';
import type { Clients } from './clients.ts';
import { ask, PROVIDER_ID } from './errors.ts';
import { QUOTA_CODES, quotaCodeOf } from './instance-types.ts';
import { describeAll, marketOf } from './instances.ts';
import { askRegions } from './regions.ts';

export async function listQuotas(
  clients: Clients,
  configured: readonly string[],
  pageSize: number,
  query: QuotaQuery,
  call: Call,
): Promise<QuotaSnapshot> {
  const { results, regions } = await askRegions(query.regions, configured, call, (region) =>
    quotasOf(clients, region, pageSize, call),
  );
  return { quotas: results.flat(), regions };
}

async function quotasOf(clients: Clients, region: string, pageSize: number, call: Call): Promise<readonly Quota[]> {
  const ec2 = clients.ec2(region);
  const codes = claimedCodes(await gpuTypes(ec2, call));
  const [usage, limits] = await Promise.all([
    usedVcpus(ec2, pageSize, call),
    limitsOf(clients.serviceQuotas(region), codes, call),
  ]);
  return codes.map((name) => ({
    provider: PROVIDER_ID,
    region,
    name,
    unit: 'vcpus',
    limit: limits.get(name) ?? null,
    usage: usage.get(name) ?? 0,
  }));
}

/** Only what the region's types count against: Service Quotas throttles early, and lists some 150 others. */
function claimedCodes(types: readonly GpuType[]): readonly string[] {
  const claimed = types.flatMap(({ name, onDemand, spot }) => [
    onDemand ? quotaCodeOf(name, 'on-demand') : null,
    spot ? quotaCodeOf(name, 'spot') : null,
  ]);
  return Object.values(QUOTA_CODES).filter((code) => claimed.includes(code));
}

/** One after the other: together they would trip the service's own throttle. */
async function limitsOf(
  client: ServiceQuotasClient,
  codes: readonly string[],
  call: Call,
): Promise<ReadonlyMap<string, number>> {
  const limits = new Map<string, number>();
  for (const code of codes) {
    const limit = await limitOf(client, code, call);
    if (limit !== null) limits.set(code, limit);
  }
  return limits;
}

/** The account's limit, else AWS's default where the account never had one of its own; null = not known in this region. */
async function limitOf(client: ServiceQuotasClient, code: string, call: Call): Promise<number | null> {
  const input = { ServiceCode: 'ec2', QuotaCode: code };
  const own = await known(() =>
    ask({ operation: 'GetServiceQuota', mutating: false }, call, (options) =>
      client.send(new GetServiceQuotaCommand(input), options),
    ),
  );
  if (own?.Quota?.Value !== undefined) return own.Quota.Value;
  const standard = await known(() =>
    ask({ operation: 'GetAWSDefaultServiceQuota', mutating: false }, call, (options) =>
      client.send(new GetAWSDefaultServiceQuotaCommand(input), options),
    ),
  );
  return standard?.Quota?.Value ?? null;
}

async function known<Answer>(send: () => Promise<Answer>): Promise<Answer | null> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'NoSuchResourceException') return null;
    throw error;
  }
}

/**
 * vCPUs in use by quota: all the account's machines in the region, not only ours, since they share the limit. Counts the
 * cores × threads that EC2 reports for each machine.
 */
async function usedVcpus(client: EC2Client, pageSize: number, call: Call): Promise<ReadonlyMap<string, number>> {
  const machines = await describeAll(
    client,
    [
      { Name: 'instance-type', Values: ['g*', 'p*', 'vt*'] },
      { Name: 'instance-state-name', Values: ['pending', 'running'] },
    ],
    pageSize,
    call,
  );
  const used = new Map<string, number>();
  for (const machine of machines) {
    const code = quotaCodeOf(machine.InstanceType ?? '', marketOf(machine));
    if (code !== null) used.set(code, (used.get(code) ?? 0) + vcpusOf(machine));
  }
  return used;
}

function vcpusOf({ CpuOptions: cpu }: Ec2Instance): number {
  return (cpu?.CoreCount ?? 0) * (cpu?.ThreadsPerCore ?? 1);
}
