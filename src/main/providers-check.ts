import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { renderTable } from '../cli/tables/table.ts';
import type { Terminal } from '../cli/terminal.ts';
import { loadBrokerConfig } from '../config/broker-config.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { AccessCheck, Provider } from '../providers/provider.ts';
import { ConfigProblem, cloudsFor, loadProviders } from './load-providers.ts';
import { SAMPLE_CONFIG } from './rig.ts';

export interface CheckOptions {
  readonly configFile: string;
  readonly cloudsFile: string | null;
  readonly seed: number;
  readonly asJson: boolean;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** What the credentials of one provider may do. */
export interface ProviderAccess {
  readonly provider: ProviderId;
  /** Why nothing could be asked at all; null where it could. */
  readonly error: string | null;
  readonly checks: readonly AccessCheck[];
  /** Files that ship with the program and grant what the adapter needs. */
  readonly grantedBy: readonly string[];
}

/** What `providers check` tells the shell. Documented in docs/api.md. */
export const CHECK_EXIT = { ok: 0, missing: 1, unknown: 2 } as const;

/** All permissions of one provider are tried within this. */
const DEADLINE_MS = 120_000;

/**
 * Tries every permission that the configured adapters need, with read-only and dry-run calls: launches and changes nothing. Prints what
 * it found and returns the exit code.
 */
export async function checkProviders(options: CheckOptions): Promise<number> {
  const config = await loadBrokerConfig(options.configFile);
  if (!config.ok) throw new ConfigProblem(config.errors);
  const logDirectory = await mkdtemp(path.join(tmpdir(), 'gpu-broker-check-'));
  const { cloudsFile, seed } = options;
  const clouds = await cloudsFor(config.value, { cloudsFile, seed, logDirectory });
  try {
    const { providers } = await loadProviders(config.value, clouds?.place ?? null);
    const found = await Promise.all([...providers.values()].map((provider) => accessOf(provider, options.signal)));
    options.terminal.write(
      options.asJson ? `${JSON.stringify({ items: found }, null, 2)}\n` : renderAccess(found, options.terminal),
    );
    return exitCodeOf(found);
  } finally {
    await clouds?.child?.stop();
    await rm(logDirectory, { recursive: true, force: true });
  }
}

async function accessOf(provider: Provider, signal: AbortSignal): Promise<ProviderAccess> {
  const grantedBy = await permissionFiles(provider.id);
  try {
    const checks = await provider.checkAccess({ signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]) });
    return { provider: provider.id, error: null, checks, grantedBy };
  } catch (error) {
    if (signal.aborted) throw error;
    return {
      provider: provider.id,
      error: error instanceof Error ? error.message : String(error),
      checks: [],
      grantedBy,
    };
  } finally {
    await provider.close();
  }
}

async function permissionFiles(provider: ProviderId): Promise<readonly string[]> {
  const names = await readdir(path.join(SAMPLE_CONFIG, 'permissions')).catch((): string[] => []);
  return names
    .filter((name) => name.startsWith(`${provider}-`))
    .toSorted()
    .map((name) => `config/permissions/${name}`);
}

/** A required permission that is missing is worse than one that nobody could ask for. */
export function exitCodeOf(found: readonly ProviderAccess[]): number {
  const required = found.flatMap(({ checks }) => checks.filter((check) => check.required));
  if (required.some(({ outcome }) => outcome === 'missing')) return CHECK_EXIT.missing;
  const unasked = found.some(({ error, checks }) => error !== null || checks.length === 0);
  return unasked || required.some(({ outcome }) => outcome === 'unknown') ? CHECK_EXIT.unknown : CHECK_EXIT.ok;
}

export function renderAccess(found: readonly ProviderAccess[], { style }: Pick<Terminal, 'style'>): string {
  return found.map((access) => `${style.strong(access.provider)}\n${renderOne(access, style)}`).join('\n');
}

function renderOne({ error, checks, grantedBy }: ProviderAccess, style: Terminal['style']): string {
  if (error !== null) return `${style.bad('could not be asked:')} ${error}\n`;
  const columns = ['PERMISSION', 'OUTCOME', 'REQUIRED', 'NEEDED FOR'].map((title) => ({ title }));
  const rows = checks.map(({ permission, outcome, required, neededFor, message }) => [
    permission,
    outcome === 'allowed' ? outcome : style.bad(outcome),
    required ? 'yes' : 'no',
    message === null ? neededFor : `${neededFor} (${message})`,
  ]);
  const lacking = checks.filter(({ outcome }) => outcome === 'missing').map(({ permission }) => permission);
  const files = grantedBy.length === 0 ? '' : `; granted by ${grantedBy.join(', ')}`;
  const verdict = lacking.length === 0 ? '' : `missing: ${lacking.join(', ')}${files}\n`;
  return `${renderTable(columns, rows, style, 'This adapter names no permission.')}${verdict}`;
}
