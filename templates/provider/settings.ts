/** The adapter's own settings: `providers.example.options` in `config/broker.yaml`. */
import { z } from 'zod';
import type { ProviderSettings } from '../../src/providers/provider.ts';

const Options = z.strictObject({
  /** Image by accelerator; `*` stands for every other. */
  images: z.record(z.string(), z.string().min(1)).default({ '*': 'ubuntu-24.04-nvidia' }),
});

export type ExampleOptions = z.infer<typeof Options>;

/** Throws RangeError that names each wrong field. */
export function readOptions({ options }: ProviderSettings): ExampleOptions {
  const result = Options.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `options.${path.join('.')}: ${message}`);
  throw new RangeError(`example: ${problems.join('; ')}`);
}

/** The SDK's own chain where there is an SDK; otherwise one environment variable, read when it is needed and kept nowhere else. */
export function readCredential(settings: ProviderSettings): string {
  if (settings.credentials === 'emulated') return 'emulated';
  const key = process.env['EXAMPLE_API_KEY'] ?? '';
  if (key === '') throw new RangeError('example: set EXAMPLE_API_KEY to an API key of the account');
  return key;
}
