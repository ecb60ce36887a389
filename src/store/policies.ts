import { createHash } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { Policy } from '../domain/policy.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, json, time } from './columns.ts';
import type { Handle, PolicyVersionsTable } from './schema.ts';

export interface PolicyVersionRow {
  readonly name: string;
  /** From 1, per name. */
  readonly version: number;
  readonly policy: Policy;
  /** The YAML as the operator wrote it. */
  readonly source: string;
  /** SHA-256 of the source. */
  readonly contentHash: string;
  readonly loadedAt: EpochMs;
}

/** "gpu-broker puts a policy in force": one process at a time. */
const POLICY_LOCK = 4_712_003;

/** The policy in force: the one loaded last. Null before the first. */
export async function currentPolicy(handle: Handle): Promise<PolicyVersionRow | null> {
  const row = await handle.selectFrom('policy_versions').selectAll().orderBy('id', 'desc').limit(1).executeTakeFirst();
  return row === undefined ? null : policyVersionOf(row);
}

export async function getPolicyVersion(
  handle: Handle,
  name: string,
  version: number,
): Promise<PolicyVersionRow | null> {
  const row = await handle
    .selectFrom('policy_versions')
    .selectAll()
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst();
  return row === undefined ? null : policyVersionOf(row);
}

/**
 * Puts a policy in force and returns its version; the version in force stays where its name and source are exactly these (another
 * process was faster).
 */
export async function insertPolicyVersion(
  transaction: Handle,
  { policy, source, at }: { readonly policy: Policy; readonly source: string; readonly at: EpochMs },
): Promise<number> {
  await sql`select pg_advisory_xact_lock(${sql.lit(POLICY_LOCK)})`.execute(transaction);
  const contentHash = createHash('sha256').update(source).digest('hex');
  const current = await currentPolicy(transaction);
  if (current?.name === policy.name && current.contentHash === contentHash) return current.version;
  const { newest } = await transaction
    .selectFrom('policy_versions')
    .select((column) => column.fn.max('version').as('newest'))
    .where('name', '=', policy.name)
    .executeTakeFirstOrThrow();
  const version = (newest ?? 0) + 1;
  await transaction
    .insertInto('policy_versions')
    .values({
      name: policy.name,
      version,
      source,
      policy: json(policy),
      content_hash: contentHash,
      loaded_at: time(at),
    })
    .execute();
  return version;
}

function policyVersionOf(row: Selectable<PolicyVersionsTable>): PolicyVersionRow {
  return {
    name: row.name,
    version: row.version,
    policy: row.policy,
    source: row.source,
    contentHash: row.content_hash,
    loadedAt: epochMs(row.loaded_at),
  };
}
