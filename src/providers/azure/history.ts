import { z } from 'zod';
import type { Call } from '../provider.ts';
import { readAs } from './arm-requests.ts';
import { callAzure } from './calls.ts';
import type { AdapterContext } from './context.ts';

const OPERATION = 'resourceGraph.resources';

const rowSchema = z.object({ targetResourceId: z.string(), changeType: z.string() });

/**
 * Which of the resources have been deleted in the last 14 days, as far as Resource Graph's change table knows: it lags behind the
 * deed by minutes at worst. Ids are compared without case; the answer holds them in lower case.
 */
export async function deletedAmong(
  context: AdapterContext,
  ids: readonly string[],
  call: Call,
): Promise<ReadonlySet<string>> {
  const rows = await queryGraph(context, changesQuery(ids), rowSchema, call);
  return new Set(
    rows
      .filter(({ changeType }) => changeType === 'Delete')
      .map(({ targetResourceId }) => targetResourceId.toLowerCase()),
  );
}

function changesQuery(ids: readonly string[]): string {
  return [
    'resourcechanges',
    `where tostring(properties.targetResourceId) in~ (${quotedList(ids)})`,
    'project targetResourceId = tostring(properties.targetResourceId), changeType = tostring(properties.changeType), changeTime = todatetime(properties.changeAttributes.timestamp)',
    'order by changeTime desc',
  ].join(' | ');
}

/** Text of a list in the query language. What needs escaping is no name of Azure's and is left out. */
export function quotedList(values: readonly string[]): string {
  return values
    .filter((value) => !/['\\\n]/.test(value))
    .map((value) => `'${value}'`)
    .join(', ');
}

const answerSchema = z.object({ data: z.array(z.unknown()), skipToken: z.string().nullish() });

/** Reads every page of a query. Throws the signal's reason or a ProviderError. */
export async function queryGraph<T>(
  context: AdapterContext,
  query: string,
  row: z.ZodType<T>,
  call: Call,
): Promise<readonly T[]> {
  const { clients, settings } = context;
  const rows: T[] = [];
  for (let skipToken: string | null = null; ; ) {
    const options = { resultFormat: 'objectArray' as const, ...(skipToken === null ? {} : { skipToken }) };
    const request = { subscriptions: [settings.subscriptionId], query, options };
    const answer: unknown = await callAzure(OPERATION, 'read', call, () =>
      clients.resourceGraph.resources(request, { abortSignal: call.signal }),
    );
    const page = readAs(OPERATION, answerSchema, answer);
    rows.push(...readAs(OPERATION, z.array(row), page.data));
    if (!page.skipToken) return rows;
    skipToken = page.skipToken;
  }
}
