import { z } from 'zod';
import type { ProviderSettings } from '../provider.ts';

/** `publisher:offer:sku:version` of the marketplace, or the ARM id of an image or gallery image version. */
const image = z
  .string()
  .regex(
    /^(\/subscriptions\/\S+|[^\s:/]+:[^\s:/]+:[^\s:/]+:[^\s:/]+)$/,
    'write publisher:offer:sku:version or an image’s ARM id /subscriptions/…',
  );
const resourceGroupName = z
  .string()
  .regex(/^[-\w.()]{1,90}$/, 'a resource group has 1–90 letters, digits, dashes, dots, underscores or parentheses');
const subnetId = z
  .string()
  .regex(
    /^\/subscriptions\/[^/\s]+\/resourceGroups\/[^/\s]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/\s]+\/subnets\/[^/\s]+$/i,
    'write the ARM id /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/…',
  );

const optionsSchema = z.strictObject({
  subscriptionId: z.guid({ error: 'a subscription id is a GUID' }).optional(),
  /** One group for all regions, or one per region. */
  resourceGroup: z.union([resourceGroupName, z.record(z.string(), resourceGroupName)]).optional(),
  images: z.strictObject({ x86_64: image.optional(), arm64: image.optional() }).default({}),
  /** Region → subnet of the machines' network interfaces. */
  subnetIds: z.record(z.string(), subnetId).default({}),
  /** OpenSSH public key for the user `broker`; null = nobody can log in. */
  sshPublicKey: z
    .string()
    .regex(/^(ssh-rsa|ssh-ed25519) \S+/, 'write an OpenSSH public key: ssh-ed25519 AAAA…')
    .nullable()
    .default(null),
  /** Size of the system disk. */
  diskGiB: z.int().min(30).max(4095).default(128),
});

/** The adapter's settings, checked and complete. */
export interface AzureSettings {
  readonly regions: readonly string[];
  readonly subscriptionId: string;
  readonly images: Readonly<Record<'x86_64' | 'arm64', string | null>>;
  readonly sshPublicKey: string | null;
  readonly diskGiB: number;
  /** Throws RangeError for a region that is not configured. */
  resourceGroupOf(region: string): string;
  subnetOf(region: string): string;
}

/** Ubuntu with the NVIDIA driver and a container runtime, from Microsoft's marketplace. */
const DEFAULT_IMAGE = 'microsoft-dsvm:ubuntu-hpc:2204:latest';
const EMULATED_SUBSCRIPTION = '00000000-0000-4000-8000-000000000000';
const EMULATED_GROUP = 'gpu-broker';

/**
 * Checks the settings. Throws an Error that names every wrong field. Against emulated clouds subscription, group and subnets
 * may be left out: any will do there.
 */
export function readSettings(settings: ProviderSettings): AzureSettings {
  const parsed = optionsSchema.safeParse(settings.options);
  if (!parsed.success) throw settingsError(parsed.error.issues.map(issueText));
  const { subscriptionId, resourceGroup, images, subnetIds, sshPublicKey, diskGiB } = parsed.data;
  const emulated = settings.credentials === 'emulated';
  const { regions } = settings;
  const subscription = subscriptionId ?? (emulated ? EMULATED_SUBSCRIPTION : '');
  const groupIn = typeof resourceGroup === 'object' ? resourceGroup : recordFor(regions, resourceGroup);
  const groups = filledIn(regions, groupIn, emulated ? () => EMULATED_GROUP : null);
  const subnets = filledIn(regions, subnetIds, emulated ? emulatedSubnet : null);
  const problems = [
    ...(subscription === '' ? ['subscriptionId: is required'] : []),
    ...groups.missing.map((region) => `resourceGroup: names no resource group for ${region}`),
    ...subnets.missing.map((region) => `subnetIds.${region}: is required`),
  ];
  if (problems.length > 0) throw settingsError(problems);
  return {
    regions,
    subscriptionId: subscription,
    images: { x86_64: images.x86_64 ?? DEFAULT_IMAGE, arm64: images.arm64 ?? null },
    sshPublicKey,
    diskGiB,
    resourceGroupOf: (region) => configured(groups.values, region),
    subnetOf: (region) => configured(subnets.values, region),
  };
}

function recordFor(regions: readonly string[], value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined ? {} : Object.fromEntries(regions.map((region) => [region, value]));
}

/** The value of each region, and the regions without one. */
function filledIn(
  regions: readonly string[],
  given: Readonly<Record<string, string>>,
  fallback: ((region: string) => string) | null,
): { readonly values: ReadonlyMap<string, string>; readonly missing: readonly string[] } {
  const values = new Map<string, string>();
  for (const region of regions) {
    const value = given[region] ?? fallback?.(region);
    if (value !== undefined) values.set(region, value);
  }
  return { values, missing: regions.filter((region) => !values.has(region)) };
}

function configured(values: ReadonlyMap<string, string>, region: string): string {
  const value = values.get(region);
  if (value === undefined) throw new RangeError(`azure is not configured for the region ${region}`);
  return value;
}

function emulatedSubnet(region: string): string {
  const network = `Microsoft.Network/virtualNetworks/${region}/subnets/default`;
  return `/subscriptions/${EMULATED_SUBSCRIPTION}/resourceGroups/${EMULATED_GROUP}/providers/${network}`;
}

function issueText(issue: z.core.$ZodIssue): string {
  const field = issue.path.map(String).join('.');
  return field === '' ? issue.message : `${field}: ${issue.message}`;
}

function settingsError(problems: readonly string[]): Error {
  return new Error(`azure options are wrong: ${problems.join('; ')}`);
}
