import { z } from 'zod';
import type { AcceleratorName } from '../../domain/accelerators.ts';
import { ACCELERATORS } from '../../domain/accelerators.ts';
import type { Architecture } from '../../domain/offer.ts';
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

const securityGroupId = z
  .string()
  .regex(
    /^\/subscriptions\/[^/\s]+\/resourceGroups\/[^/\s]+\/providers\/Microsoft\.Network\/networkSecurityGroups\/[^/\s]+$/i,
    'write the ARM id /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/networkSecurityGroups/…',
  );
const identityId = z
  .string()
  .regex(
    /^\/subscriptions\/[^/\s]+\/resourceGroups\/[^/\s]+\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/[^/\s]+$/i,
    'write the ARM id /subscriptions/…/resourceGroups/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/…',
  );
const DISK_TYPES = ['Standard_LRS', 'StandardSSD_LRS', 'StandardSSD_ZRS', 'Premium_LRS', 'Premium_ZRS'] as const;
/** Azure allows 50 tags; the request's and ours need room. */
const MAX_TAGS = 15;
const tags = z
  .record(
    z
      .string()
      .regex(/^[^<>%&\\?/]{1,512}$/, 'a tag name has 1–512 characters and none of < > % & \\ ? /')
      .refine((name) => !name.startsWith('gpu-broker-'), 'names that begin with gpu-broker- are the broker’s own'),
    z.string().max(256, 'a tag value has at most 256 characters'),
  )
  .refine((given) => Object.keys(given).length <= MAX_TAGS, `at most ${MAX_TAGS} tags`);

const accelerator = z
  .string()
  .refine(
    (name) => ACCELERATORS.some((known) => known.name === name),
    `write one of ${ACCELERATORS.map(({ name }) => name).join(', ')}`,
  );

const optionsSchema = z.strictObject({
  subscriptionId: z.guid({ error: 'a subscription id is a GUID' }).optional(),
  /** One group for all regions, or one per region. */
  resourceGroup: z.union([resourceGroupName, z.record(z.string(), resourceGroupName)]).optional(),
  /** By architecture, and by accelerator where one needs another (canonical names: `MI300X`, `H100-80GB-SXM`). */
  images: z
    .strictObject({
      x86_64: image.optional(),
      arm64: image.optional(),
      byAccelerator: z.record(accelerator, image).default({}),
    })
    .default({ byAccelerator: {} }),
  /** Region → subnet of the machines' network interfaces. */
  subnetIds: z.record(z.string(), subnetId).default({}),
  /** Region → network security group of the interfaces; without one, the subnet's own rules hold. */
  securityGroupIds: z.record(z.string(), securityGroupId).default({}),
  /** Whether each machine gets a public address of its own. */
  publicAddress: z.boolean().default(false),
  /** User-assigned managed identities that the machines run as. */
  identityIds: z.array(identityId).max(5).default([]),
  /** Tags for everything that is made, beside those of the request. */
  tags: tags.default({}),
  /** OpenSSH public key for the user `broker`; null = nobody can log in. */
  sshPublicKey: z
    .string()
    .regex(/^(ssh-rsa|ssh-ed25519) \S+/, 'write an OpenSSH public key: ssh-ed25519 AAAA…')
    .nullable()
    .default(null),
  /** Size of the system disk. */
  diskGiB: z.int().min(30).max(4095).default(128),
  diskType: z.enum(DISK_TYPES).default('StandardSSD_LRS'),
});

/** The adapter's settings, checked and complete. */
export interface AzureSettings {
  readonly regions: readonly string[];
  readonly subscriptionId: string;
  readonly sshPublicKey: string | null;
  readonly diskGiB: number;
  readonly diskType: (typeof DISK_TYPES)[number];
  readonly publicAddress: boolean;
  readonly identityIds: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** What the accelerator's machines boot; null where nothing is configured and no default is known. */
  imageOf(accelerator: AcceleratorName, architecture: Architecture): string | null;
  /** Throws RangeError for a region that is not configured. */
  resourceGroupOf(region: string): string;
  subnetOf(region: string): string;
  /** Null = none of our choosing. */
  securityGroupOf(region: string): string | null;
}

/**
 * Microsoft's marketplace images (Azure/azhpc-images, read in 2026-11): Ubuntu with the NVIDIA driver and a container runtime, and the
 * same with ROCm for AMD's accelerator. None is known for Arm machines.
 */
const DEFAULT_IMAGES: Readonly<Record<Architecture, string | null>> = {
  x86_64: 'microsoft-dsvm:ubuntu-hpc:2204:latest',
  arm64: null,
};
const DEFAULT_IMAGES_BY_ACCELERATOR: Readonly<Record<AcceleratorName, string>> = {
  MI300X: 'microsoft-dsvm:ubuntu-hpc:2204-rocm:latest',
};
const EMULATED_SUBSCRIPTION = '00000000-0000-4000-8000-000000000000';
const EMULATED_GROUP = 'gpu-broker';

/**
 * Checks the settings. Throws an Error that names every wrong field. Against emulated clouds subscription, group and subnets
 * may be left out: any will do there.
 */
export function readSettings(settings: ProviderSettings): AzureSettings {
  const parsed = optionsSchema.safeParse(settings.options);
  if (!parsed.success) throw settingsError(parsed.error.issues.map(issueText));
  const { subscriptionId, resourceGroup, images, subnetIds, securityGroupIds, ...others } = parsed.data;
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
    ...unconfigured('subnetIds', subnetIds, regions),
    ...unconfigured('securityGroupIds', securityGroupIds, regions),
  ];
  if (problems.length > 0) throw settingsError(problems);
  return {
    regions,
    subscriptionId: subscription,
    ...others,
    imageOf: (name, architecture) =>
      images.byAccelerator[name] ??
      DEFAULT_IMAGES_BY_ACCELERATOR[name] ??
      images[architecture] ??
      DEFAULT_IMAGES[architecture],
    resourceGroupOf: (region) => configured(groups.values, region),
    subnetOf: (region) => configured(subnets.values, region),
    securityGroupOf: (region) => securityGroupIds[region] ?? null,
  };
}

/** A misspelt region would otherwise be no more than a setting without effect. */
function unconfigured(
  field: string,
  given: Readonly<Record<string, string>>,
  regions: readonly string[],
): readonly string[] {
  return Object.keys(given)
    .filter((region) => !regions.includes(region))
    .map((region) => `${field}.${region}: is not one of the configured regions ${regions.join(', ')}`);
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
