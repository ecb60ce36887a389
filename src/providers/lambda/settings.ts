/** The adapter's own settings: `providers.lambda.options` in `config/broker.yaml`. */
import { z } from 'zod';
import type { AcceleratorName } from '../../domain/accelerators.ts';
import type { ProviderSettings } from '../provider.ts';

/** Ids of images are UUIDs or 32 hexadecimal digits; anything else names a family. */
const IMAGE_ID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/;

const Options = z.strictObject({
  /** Name of a key of the account (`GET /ssh-keys`): a launch names exactly one. */
  sshKeyName: z
    .string({ error: 'must name an SSH key of the account (https://cloud.lambda.ai/ssh-keys): every launch needs one' })
    .min(1)
    .max(64),
  /** Image family or image id by accelerator; `*` stands for every other. Without an entry: the latest Lambda Stack. */
  images: z.record(z.string(), z.string().min(1)).default({}),
  /** How old the list of types, and the count of instances, may be that offers and quotas are made from. */
  catalogMaxAgeSeconds: z.number().min(0).max(60).default(30),
});

export type LambdaOptions = z.infer<typeof Options>;

/** Throws RangeError that names each wrong field. */
export function readOptions({ options }: ProviderSettings): LambdaOptions {
  const result = Options.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `options.${path.join('.')}: ${message}`);
  throw new RangeError(`lambda: ${problems.join('; ')}`);
}

/** One environment variable, read once, kept in the closure that signs requests. Throws RangeError where it is not set. */
export function readCredential({ credentials }: ProviderSettings): string {
  if (credentials === 'emulated') return 'emulated';
  const key = (process.env['LAMBDA_API_KEY'] ?? '').trim();
  if (key === '') {
    throw new RangeError(
      'lambda: set the environment variable LAMBDA_API_KEY to an API key (https://cloud.lambda.ai/api-keys)',
    );
  }
  return key;
}

export type ImageChoice = { readonly id: string } | { readonly family: string };

/** Null = what Lambda takes by itself: the latest Lambda Stack, which has the driver. */
export function imageFor({ images }: LambdaOptions, accelerator: AcceleratorName): ImageChoice | null {
  const image = images[accelerator] ?? images['*'];
  if (image === undefined) return null;
  return IMAGE_ID.test(image) ? { id: image } : { family: image };
}
