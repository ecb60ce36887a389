import { z } from 'zod';
import type { Clock, EpochMs } from '../../domain/time.ts';
import type { Call, InterruptionNotice, InterruptionPage } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { allPages } from './clients.ts';
import { asProviderError, unreachableZones } from './errors.ts';
import type { OperationResource } from './responses.ts';
import { aggregatedOperationsPage } from './responses.ts';
import { lastSegment, regionOfZone, silentIn, unreachableScopes } from './scopes.ts';

const PAGE_SIZE = 500;
/** The cloud gives a spot machine about this long. Source: Compute Engine's page on preemption. */
const NOTICE_MS = 30_000;
/** An operation may be listed later than it began: each poll looks back this far behind the last one. */
const LOOK_BACK_MS = 5 * 60_000;

/** Where a poll continues: nothing that began before `from` is missing, of the rest these were told already. */
const cursorSchema = z.object({ from: z.number(), told: z.array(z.string()) });
type Cursor = z.infer<typeof cursorSchema>;

export interface InterruptionSources {
  readonly clients: Clients;
  readonly project: string;
  readonly regions: readonly string[];
  readonly clock: Clock;
}

function parsedCursor(text: string): Cursor {
  try {
    return cursorSchema.parse(JSON.parse(text));
  } catch (cause) {
    const message = 'the cursor is none of ours: begin again with null';
    throw new ProviderError({
      ...{ kind: 'invalid-request', provider: 'gcp', operation: 'pollInterruptions', code: '', message, cause },
    });
  }
}

function isOver({ status }: OperationResource): boolean {
  return status === 'DONE';
}

/** A preemption is told twice: as it begins and when it is over. */
function tellingOf(operation: OperationResource): string {
  return `${operation.name}/${isOver(operation) ? 'taken' : 'notice'}`;
}

function noticeOf(operation: OperationResource): InterruptionNotice {
  const at = Date.parse(operation.insertTime);
  const endedAt = Date.parse(operation.endTime);
  const [, zone = '', instanceId = ''] = /\/zones\/([^/]+)\/instances\/([^/]+)$/.exec(operation.targetLink) ?? [];
  const common = { region: regionOfZone(zone), instanceId, at, message: operation.statusMessage || 'preempted' };
  if (!isOver(operation)) return { ...common, kind: 'notice', deadlineAt: at + NOTICE_MS };
  return { ...common, kind: 'taken', deadlineAt: Number.isNaN(endedAt) ? at : endedAt };
}

/**
 * Preemptions are operations of the cloud's own, in the list of operations for two weeks. Where a zone does not answer the cursor stays
 * where it is, so that its preemptions are told when it does; what the others have told is not told again.
 */
export async function pollInterruptions(
  sources: InterruptionSources,
  cursor: string | null,
  call: Call,
): Promise<InterruptionPage> {
  const now = sources.clock.now();
  if (cursor === null) return { notices: [], cursor: JSON.stringify({ from: now, told: [] }), error: null };
  const { from, told } = parsedCursor(cursor);
  const pages = await readPreemptions(sources, from, call).catch(asProviderError);
  if (pages instanceof ProviderError) return { notices: [], cursor, error: pages };
  const operations = pages.flatMap(({ items }) => Object.values(items).flatMap((scope) => scope.operations));
  const ours = operations.filter(
    ({ targetLink, insertTime }) => isOurs(sources, targetLink) && Date.parse(insertTime) >= from,
  );
  const known = new Set(told);
  const notices = ours.filter((operation) => !known.has(tellingOf(operation))).map(noticeOf);
  const silent = pages.flatMap(unreachableScopes);
  const missing = sources.regions.flatMap((region) => silentIn(region, silent));
  const next = missing.length === 0 ? Math.max(from, now - LOOK_BACK_MS) : from;
  return {
    notices,
    cursor: JSON.stringify({ from: next, told: stillNeeded(ours, known, next) }),
    error: missing.length === 0 ? null : unreachableZones('globalOperations.aggregatedList', missing),
  };
}

/** The same list says again what began since `from`; all else may be forgotten. */
function stillNeeded(
  listed: readonly OperationResource[],
  known: ReadonlySet<string>,
  from: EpochMs,
): readonly string[] {
  const again = listed.filter(({ insertTime }) => Date.parse(insertTime) >= from).map(tellingOf);
  const names = new Set(listed.map(({ name }) => name));
  // Of a zone that is silent now the list says nothing, but it will.
  const unlisted = [...known].filter((telling) => !names.has(telling.slice(0, telling.lastIndexOf('/'))));
  return [...new Set([...unlisted, ...again])].toSorted();
}

function isOurs({ regions }: InterruptionSources, targetLink: string): boolean {
  const zone = /\/zones\/([^/]+)\/instances\//.exec(targetLink)?.[1];
  return zone !== undefined && regions.includes(regionOfZone(lastSegment(zone)));
}

function readPreemptions({ clients, project }: InterruptionSources, from: EpochMs, call: Call) {
  const since = new Date(from).toISOString();
  return allPages(
    {
      ...{ client: clients.globalOperations, method: 'aggregatedList', operation: 'globalOperations.aggregatedList' },
      request: {
        ...{ project, maxResults: PAGE_SIZE },
        filter: `operationType="compute.instances.preempted" AND insertTime>="${since}"`,
      },
      ...{ response: aggregatedOperationsPage, mutating: false },
    },
    call,
  );
}
