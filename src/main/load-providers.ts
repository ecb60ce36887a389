import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { BrokerConfig, ProviderConfig } from '../config/broker-config.ts';
import { type ConfigError, formatConfigError } from '../config/config-error.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { Provider } from '../providers/provider.ts';
import { loadProvider } from '../providers/registry.ts';
import type { Child } from './children.ts';
import {
  type CloudsPlace,
  emulatedOptions,
  emulatedRegions,
  readCloudsFile,
  startCloudsChild,
} from './emulated-clouds.ts';
import { systemClock } from './system-clock.ts';

/** Files that an operator wrote are wrong: each message names file, line and column, or the provider whose adapter found the mistake. */
export class ConfigProblem extends Error {
  override readonly name = 'ConfigProblem';
  constructor(errors: readonly ConfigError[] | string, cause?: unknown) {
    super(typeof errors === 'string' ? errors : errors.map(formatConfigError).join('\n'), { cause });
  }
}

/** Where the emulated clouds are, started here unless they run already; null = config names real ones. */
export async function cloudsFor(
  config: BrokerConfig,
  options: { readonly cloudsFile: string | null; readonly seed: number; readonly logDirectory: string },
): Promise<{ place: CloudsPlace; child?: Child } | null> {
  if (options.cloudsFile !== null) return { place: await readCloudsFile(options.cloudsFile) };
  if (config.clouds === 'real') return null;
  return startCloudsChild(options.seed, path.join(options.logDirectory, 'clouds.log'));
}

/** The adapters that config names, with the regions of each. The caller closes them. */
export async function loadProviders(config: BrokerConfig, place: CloudsPlace | null) {
  const regions = new Map<ProviderId, readonly string[]>();
  const entries = Object.entries(config.providers).map(async ([id, settings]): Promise<[ProviderId, Provider]> => {
    const chosen = settings.regions === 'all' ? await emulatedRegions(id) : settings.regions;
    regions.set(id, chosen);
    const ready = await providerSettings(id, settings, chosen, place);
    try {
      return [id, await loadProvider(id, ready)];
    } catch (error) {
      // Adapters check their own options and credentials, and say which is wrong.
      if (error instanceof Error) throw new ConfigProblem(`spec.providers.${id}: ${error.message}`, error);
      throw error;
    }
  });
  return { providers: new Map(await Promise.all(entries)), regions };
}

async function providerSettings(
  id: ProviderId,
  settings: ProviderConfig,
  regions: readonly string[],
  place: CloudsPlace | null,
) {
  const { certificateAuthorityFile: file } = settings;
  if (place === null) {
    const certificateAuthority = file === null ? null : await readFile(file, 'utf8');
    const { endpoints, credentials, options } = settings;
    return { regions, endpoints, certificateAuthority, credentials, options, clock: systemClock };
  }
  return {
    regions,
    endpoints: Object.entries(place.endpoints).find(([cloud]) => cloud === id)?.[1] ?? {},
    certificateAuthority: place.certificateAuthority,
    credentials: 'emulated' as const,
    options: { ...emulatedOptions(id), ...settings.options },
    clock: systemClock,
  };
}
