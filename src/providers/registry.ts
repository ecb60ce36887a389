import type { ProviderId } from '../domain/pool.ts';
import type { Provider, ProviderSettings } from './provider.ts';

/** Adapters by id. Imported only when configured: each SDK costs 0.2–1.5 s and 35–200 MB to load. */
const ADAPTERS: Readonly<
  Record<ProviderId, () => Promise<{ createProvider: (settings: ProviderSettings) => Promise<Provider> }>>
> = {
  aws: () => import('./aws/index.ts'),
  azure: () => import('./azure/index.ts'),
  gcp: () => import('./gcp/index.ts'),
  lambda: () => import('./lambda/index.ts'),
};

/** The providers that config may name. */
export const KNOWN_PROVIDERS: readonly ProviderId[] = Object.keys(ADAPTERS);

/** Loads the adapter and its SDK. Throws RangeError for an unknown id. */
export async function loadProvider(id: ProviderId, settings: ProviderSettings): Promise<Provider> {
  const load = ADAPTERS[id];
  if (load === undefined) throw new RangeError(`Unknown provider "${id}"; known are ${KNOWN_PROVIDERS.join(', ')}`);
  const adapter = await load();
  return adapter.createProvider(settings);
}
