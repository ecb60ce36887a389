import { z } from 'zod';
import type { ProviderSettings } from '../provider.ts';
import { ProviderError } from '../provider.ts';

const seconds = z.number().nonnegative();

/** `config/broker.yaml` → `providers.gcp.options`. */
const gcpOptions = z.strictObject({
  /** The project that machines are launched in and billed to. */
  project: z.string().regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'must be a project id such as "gpu-fleet-prod"'),
  network: z.string().default('global/networks/default'),
  /** By region, where a network has no automatic subnetworks: `regions/us-central1/subnetworks/gpu`. */
  subnetworks: z.record(z.string(), z.string()).default({}),
  /** A public address for each machine; without one the network must let machines out in another way (Cloud NAT). */
  externalAddress: z.boolean().default(true),
  /** Boot images by machine family (`a3`, `g2`, `n1`); `default` for all others. */
  images: z
    .record(z.string(), z.string())
    .default({})
    .transform((images) => ({
      default: 'projects/deeplearning-platform-release/global/images/family/common-cu128-ubuntu-2204-nvidia-570',
      ...images,
    })),
  /** E-mail of the service account that machines run as; null: none, so that a machine holds no credentials. */
  serviceAccount: z.email().nullable().default(null),
  diskGiB: z.number().int().min(10).max(65_536).default(100),
  /** How long a read of the price list and of the machine types serves later calls; prices keep the time they were read at. */
  catalogMaxAgeSeconds: seconds.default(60),
});
export type GcpOptions = z.infer<typeof gcpOptions>;

/** Throws a ProviderError `invalid-request` that names the field. */
export function parseOptions(settings: ProviderSettings): GcpOptions {
  const parsed = gcpOptions.safeParse(settings.options);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path, message }) => `options.${path.join('.')}: ${message}`);
  throw new ProviderError({
    kind: 'invalid-request',
    provider: 'gcp',
    operation: 'configure',
    code: '',
    message: fields.join('; '),
  });
}
