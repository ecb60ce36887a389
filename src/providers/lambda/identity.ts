/**
 * What the adapter writes on a machine, and reads back from it. Lambda keeps tags: keys of at most 55 characters that match
 * `[a-z][a-z0-9-:]+`, values of at most 128 (reference 1.10.0, `RequestedTagEntry`). A caller's tag whose key Lambda would not take, or
 * which looks like ours, is written as a value.
 */
import { createHash } from 'node:crypto';
import type { EpochMs } from '../../domain/time.ts';
import type { LaunchRequest } from '../provider.ts';
import type { ImageChoice } from './settings.ts';

const PREFIX = 'gpu-broker-';
const OWNER = `${PREFIX}owner`;
const ATTEMPT = `${PREFIX}attempt`;
const INDEX = `${PREFIX}index`;
const LAUNCHED_AT = `${PREFIX}launched-at`;
const REQUEST = `${PREFIX}request`;
const PACKED = `${PREFIX}tag-`;
const PLAIN_KEY = /^[a-z][a-z0-9-]{1,54}$/;

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** What says whose machine it is, and of which attempt. */
export interface Identity {
  readonly owner: string;
  readonly idempotencyKey: string;
  /** 0..count−1 within the attempt. */
  readonly index: number;
  /** Of the request that started it: another request with the same key is a conflict. */
  readonly fingerprint: string;
  readonly launchedAt: EpochMs | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** At most 64 characters; unique in the account as long as keys are. For people: the machine is known by its tags. */
export function nameOf(idempotencyKey: string, index: number): string {
  return `gpu-broker-${idempotencyKey}-${index}`;
}

export function tagsFor(identity: Identity): readonly Tag[] {
  const { owner, idempotencyKey, index, fingerprint, launchedAt, tags } = identity;
  const callers = Object.entries(tags).map(([key, value], place) =>
    PLAIN_KEY.test(key) && !key.startsWith(PREFIX)
      ? { key, value }
      : { key: `${PACKED}${place}`, value: `${key}=${value}` },
  );
  return [
    { key: OWNER, value: owner },
    { key: ATTEMPT, value: idempotencyKey },
    { key: INDEX, value: String(index) },
    { key: REQUEST, value: fingerprint },
    ...(launchedAt === null ? [] : [{ key: LAUNCHED_AT, value: new Date(launchedAt).toISOString() }]),
    ...callers,
  ];
}

/** Null = a machine that no broker made. */
export function identityOf(tags: readonly Tag[]): Identity | null {
  const values = new Map(tags.map(({ key, value }) => [key, value]));
  const owner = values.get(OWNER);
  const idempotencyKey = values.get(ATTEMPT);
  if (owner === undefined || idempotencyKey === undefined) return null;
  const index = Number(values.get(INDEX) ?? 0);
  const launchedAt = Date.parse(values.get(LAUNCHED_AT) ?? '');
  return {
    owner,
    idempotencyKey,
    index: Number.isSafeInteger(index) ? index : 0,
    fingerprint: values.get(REQUEST) ?? '',
    launchedAt: Number.isNaN(launchedAt) ? null : launchedAt,
    tags: Object.fromEntries(tags.flatMap(callersTag)),
  };
}

function callersTag({ key, value }: Tag): readonly (readonly [string, string])[] {
  if (!key.startsWith(PREFIX)) return [[key, value]];
  if (!key.startsWith(PACKED)) return [];
  // Keys hold no `=`.
  const end = value.indexOf('=');
  return end < 0 ? [] : [[value.slice(0, end), value.slice(end + 1)]];
}

/** Equal for equal requests, whatever the order of their tags. */
export function fingerprintOf(request: LaunchRequest, image: ImageChoice | null): string {
  const { owner, pool, count, tags, userData } = request;
  const sortedTags = Object.entries(tags).toSorted(([first], [second]) => (first < second ? -1 : 1));
  const { region, zone, instanceType, market, reservation } = pool;
  const text = JSON.stringify([
    owner,
    region,
    zone,
    instanceType,
    market,
    reservation,
    count,
    sortedTags,
    userData,
    image,
  ]);
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}
