import { z } from 'zod';
import type { EpochMs } from '../../domain/time.ts';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { ArmRefusal, jsonAnswer } from './arm-answer.ts';
import type { ArmMachines } from './machines.ts';
import { evictionBandOf } from './spot-signals.ts';

const DAY_MS = 86_400_000;
/** Resource Graph keeps changes for this long. */
const HISTORY_MS = 14 * DAY_MS;

const bodySchema = z.strictObject({
  subscriptions: z.array(z.string()).optional(),
  query: z.string().min(1),
  options: z
    .strictObject({
      $top: z.int().positive().max(1000).optional(),
      $skipToken: z.string().optional(),
      resultFormat: z.literal('objectArray').optional(),
    })
    .optional(),
});

const DEFAULT_TOP = 1000;

type Row = Readonly<Record<string, string>>;

/** `POST Microsoft.ResourceGraph/resources`: of its tables the front knows the two that say what no other API says. */
export function queryResourceGraph(world: World, machines: ArmMachines, request: FrontRequest): FrontResponse {
  const { query, options } = readBody(request.body.toString('utf8'));
  const rows = rowsOf(world, machines, query);
  const start = Number(options?.$skipToken ?? '0');
  const top = options?.$top ?? DEFAULT_TOP;
  const data = rows.slice(start, start + top);
  const more = start + top < rows.length;
  return jsonAnswer(200, {
    ...{ totalRecords: rows.length, count: data.length, data, facets: [] },
    resultTruncated: more ? 'true' : 'false',
    ...(more ? { $skipToken: String(start + top) } : {}),
  });
}

function readBody(text: string): z.infer<typeof bodySchema> {
  try {
    return bodySchema.parse(JSON.parse(text));
  } catch {
    throw badQuery('The request body is not a query.');
  }
}

function badQuery(message: string): ArmRefusal {
  return new ArmRefusal(400, 'BadRequest', `Please provide below info when asking for support. ${message}`);
}

/** Statements of a query: `table | where … | project …`. */
function rowsOf(world: World, machines: ArmMachines, query: string): readonly Row[] {
  const [table = '', ...statements] = query.split('|').map((part) => part.trim());
  const filters = statements.filter((statement) => statement.startsWith('where '));
  const known = statements.every((statement) => /^(where|extend|project|order by) /.test(statement));
  if (!known) throw badQuery(`Query is invalid: ${query}`);
  switch (table.toLowerCase()) {
    case 'resourcechanges':
      return changesOf(world, machines, namesIn(filters, 'properties.targetResourceId'));
    case 'spotresources':
      return evictionRates(world, namesIn(filters, 'sku.name'), namesIn(filters, 'location'));
    default:
      throw badQuery(`Table '${table}' is unknown.`);
  }
}

/** The values of `where <field> in~ ('a', 'b')`. */
function namesIn(filters: readonly string[], field: string): readonly string[] {
  for (const filter of filters) {
    const [, named = '', list = ''] = /^where\s+(?:tostring\()?([\w.]+)\)?\s+in~\s+\(([^)]*)\)$/.exec(filter) ?? [];
    if (named !== field) continue;
    return [...list.matchAll(/'([^']*)'/g)].map(([, value = '']) => value.toLowerCase());
  }
  throw badQuery(`Without a filter on ${field} the answer would be too long.`);
}

/** Creations and deletions, newest first; they show with the same lag as lists. */
function changesOf(world: World, machines: ArmMachines, ids: readonly string[]): readonly Row[] {
  const rows = ids.flatMap((targetResourceId) =>
    machines
      .history(targetResourceId)
      .flatMap(({ createdAt, deletedAt }) => [
        { targetResourceId, changeType: 'Create', at: createdAt },
        ...(deletedAt === null ? [] : [{ targetResourceId, changeType: 'Delete', at: deletedAt }]),
      ]),
  );
  const [from, to] = [world.clock.now() - HISTORY_MS, world.clock.now() - lagOf(world)];
  return rows
    .filter(({ at }) => at >= from && at <= to)
    .toSorted((one, other) => other.at - one.at)
    .map(({ at, ...row }) => ({ ...row, changeTime: new Date(at).toISOString() }));
}

/** How far reads lag behind: what the world says of any machine. */
function lagOf(world: World): EpochMs {
  const [machine] = world.machines('azure');
  return machine === undefined ? 0 : world.visibleAt(machine) - machine.launchedAt;
}

function evictionRates(world: World, sizes: readonly string[], locations: readonly string[]): readonly Row[] {
  const { regions, instanceTypes } = world.facts('azure');
  return regions
    .filter(({ name }) => locations.includes(name) && !world.isDown('azure', name))
    .flatMap(({ name: location }) =>
      instanceTypes
        .filter((type) => sizes.includes(type.name.toLowerCase()) && type.markets.includes('spot'))
        .filter((type) => world.listPrice('azure', location, type.name) !== null)
        .map((type) => ({ skuName: type.name.toLowerCase(), location, spotEvictionRate: evictionBandOf(type) })),
    );
}
