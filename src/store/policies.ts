import { createHash } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { PolicyRef } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, json, time } from './columns.ts';
import type { PolicyVersionsTable } from './fleet-tables.ts';
import type { Handle } from './schema.ts';

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

/** A policy with the YAML as the operator wrote it. */
export interface SourcedPolicy {
  readonly policy: Policy;
  readonly source: string;
}

/** What putting a set of policies in force has changed. */
export interface PolicyChanges {
  readonly accepted: readonly PolicyRef[];
  readonly withdrawn: readonly PolicyRef[];
}

/** "gpu-broker puts policies in force": one process at a time. */
const POLICY_LOCK = 4_712_003;

/** The policies in force, in the order of their names. Empty before the first. */
export async function policiesInForce(handle: Handle): Promise<readonly PolicyVersionRow[]> {
  const rows = await handle.selectFrom('policy_versions').selectAll().where('in_force', '=', true).execute();
  // Not the database's order: that depends on its locale.
  return rows.map(policyVersionOf).toSorted((a, b) => (a.name < b.name ? -1 : 1));
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
 * Puts exactly these policies in force. One whose source is in force already keeps its version; every other becomes a new version of its
 * name; those in force that are not among these are withdrawn. Changes nothing where another process has put the same set in force.
 */
export async function replacePolicies(
  transaction: Handle,
  policies: readonly SourcedPolicy[],
  at: EpochMs,
): Promise<PolicyChanges> {
  await sql`select pg_advisory_xact_lock(${sql.lit(POLICY_LOCK)})`.execute(transaction);
  const present = await policiesInForce(transaction);
  const staying = present.filter((row) =>
    policies.some(({ policy, source }) => policy.name === row.name && hashOf(source) === row.contentHash),
  );
  const leaving = present.filter((row) => !staying.includes(row));
  for (const { name, version } of leaving) {
    await transaction
      .updateTable('policy_versions')
      .set({ in_force: false })
      .where('name', '=', name)
      .where('version', '=', version)
      .execute();
  }
  const accepted: PolicyRef[] = [];
  for (const sourced of policies) {
    if (staying.some(({ name }) => name === sourced.policy.name)) continue;
    accepted.push({ name: sourced.policy.name, version: await insertVersion(transaction, sourced, at) });
  }
  const named = new Set(policies.map(({ policy }) => policy.name));
  const withdrawn = leaving.filter(({ name }) => !named.has(name)).map(({ name, version }) => ({ name, version }));
  return { accepted, withdrawn };
}

async function insertVersion(transaction: Handle, { policy, source }: SourcedPolicy, at: EpochMs): Promise<number> {
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
      content_hash: hashOf(source),
      loaded_at: time(at),
      in_force: true,
    })
    .execute();
  return version;
}

function hashOf(source: string): string {
  return createHash('sha256').update(source).digest('hex');
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
