import { z } from 'zod';
import type { ProviderSettings } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { LABEL_PREFIX } from './identity.ts';

const seconds = z.number().nonnegative();
const names = z.record(z.string(), z.string());
const LABEL = /^[a-z][a-z0-9_-]{0,62}$/;

/** Boot images by accelerator (`B200-180GB-SXM`) or machine family (`a3`, `g2`, `n1`); the accelerator's counts first, `default` last. */
const DEFAULT_IMAGE = 'projects/deeplearning-platform-release/global/images/family/common-cu128-ubuntu-2204-nvidia-570';

/**
 * Kind of boot disk by prefix of the machine type, the longest that fits; `default` for all others. Families that take Hyperdisk only are
 * named. Source: "Machine series: disk support" in Compute Engine's documentation, 2026.
 */
const DEFAULT_DISK_TYPES = {
  default: 'pd-balanced',
  'a3-ultragpu': 'hyperdisk-balanced',
  a4: 'hyperdisk-balanced',
  g4: 'hyperdisk-balanced',
};

/** `config/broker.yaml` → `providers.gcp.options`. */
const gcpOptions = z.strictObject({
  /** The project that machines are launched in and billed to. */
  project: z.string().regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'must be a project id such as "gpu-fleet-prod"'),
  network: z.string().min(1).default('global/networks/default'),
  /** By region, where a network has no automatic subnetworks: `regions/us-central1/subnetworks/gpu`. */
  subnetworks: names.default({}),
  /** A public address for each machine; without one the network must let machines out in another way (Cloud NAT). */
  externalAddress: z.boolean().default(true),
  /** Network tags, for firewall rules. */
  networkTags: z
    .array(z.string().regex(/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a tag: a–z, 0–9 and "-", at most 63'))
    .max(64)
    .default([]),
  images: names.default({}).transform((images) => ({ default: DEFAULT_IMAGE, ...images })),
  /** E-mail of the service account that machines run as; null: none, so that a machine holds no credentials. */
  serviceAccount: z.email('must be the e-mail of a service account, or null').nullable().default(null),
  /** What the service account's tokens are good for; its roles are what really limits it. */
  serviceAccountScopes: z
    .array(z.url('must be a scope such as "https://www.googleapis.com/auth/devstorage.read_only"'))
    .min(1)
    .default(['https://www.googleapis.com/auth/cloud-platform']),
  diskGiB: z.number().int().min(10).max(65_536).default(100),
  diskTypes: names.default({}).transform((types) => ({ ...DEFAULT_DISK_TYPES, ...types })),
  /** `user:ssh-ed25519 AAAA… comment`. Empty: none, and those of the project are kept out as well. */
  sshKeys: z.array(z.string().regex(/^[a-z_][a-z0-9_-]*:\S+ \S+/, 'must be "user:ssh-ed25519 AAAA…"')).default([]),
  /** Labels on every machine and its disk, besides the request's. */
  labels: z
    .record(
      z
        .string()
        .regex(LABEL, 'must be a label key: a–z first, then a–z, 0–9, "_" and "-", at most 63')
        .refine((key) => !key.startsWith(LABEL_PREFIX), `must not begin with "${LABEL_PREFIX}", which is ours`),
      z.string().regex(/^[a-z0-9_-]{0,63}$/, 'must be a label value: a–z, 0–9, "_" and "-", at most 63'),
    )
    .default({}),
  /** How long a read of the price list, machine types, reservations and family quotas serves later calls; each keeps the time it was read at. */
  catalogMaxAgeSeconds: seconds.default(60),
});
export type GcpOptions = z.infer<typeof gcpOptions>;

/** Throws a ProviderError `invalid-request` that names the field and what is allowed in it. */
export function parseOptions(settings: ProviderSettings): GcpOptions {
  const parsed = gcpOptions.safeParse(settings.options);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => {
    const place = ['options', ...issue.path].join('.');
    if (issue.code !== 'unrecognized_keys') return `${place}: ${reasonOf(issue)}`;
    const known = Object.keys(gcpOptions.shape).join(', ');
    return issue.keys.map((key) => `${place}.${key}: there is no such option; allowed are ${known}`).join('; ');
  });
  throw new ProviderError({
    kind: 'invalid-request',
    provider: 'gcp',
    operation: 'configure',
    code: '',
    message: fields.join('; '),
  });
}

/** A record's wrong key hides what is wrong with it one level down. */
function reasonOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
}
