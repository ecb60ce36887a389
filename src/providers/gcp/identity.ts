import { createHash } from 'node:crypto';
import type { Market } from '../../domain/pool.ts';
import { MARKETS, poolKey } from '../../domain/pool.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { LaunchRequest } from '../provider.ts';

/** Labels on every machine. Reserved: tags of this prefix never come from users. */
export const LABEL_PREFIX = 'gpu-broker-';
export const OWNER_LABEL = `${LABEL_PREFIX}owner`;
export const ATTEMPT_LABEL = `${LABEL_PREFIX}attempt`;
export const INDEX_LABEL = `${LABEL_PREFIX}index`;
/** A digest of the whole launch request: tells a repeated request from another one under the same key. */
export const REQUEST_LABEL = `${LABEL_PREFIX}request`;

export type SoldMarket = 'on-demand' | 'spot';
export const SOLD_MARKETS: readonly SoldMarket[] = ['on-demand', 'spot'];

/** Name of one machine of an attempt; at most 63 characters, as instance names are. */
export function machineName(idempotencyKey: string, index: number): string {
  return `b-${idempotencyKey}-${index}`;
}

/** Namespace of our request ids; any fixed UUID will do. */
const NAMESPACE = Buffer.from('8f6a1a3e0d2c5b7e9c41d3f0a2b64c58', 'hex');

/** Name-based UUID (RFC 9562, version 5). */
export function uuidOf(name: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(name, 'utf8').digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * The insert's `requestId`. It also says on which market the machine was asked for: of a launch that failed only the
 * operation remains, which names no market but repeats this id.
 */
export function requestIdOf(name: string, market: Market): string {
  return uuidOf(market === 'on-demand' ? name : `${name}/${market}`);
}

const MINUTE_MS = 60_000;

/**
 * The `requestId` of a deletion: sent again within the minute it is the same request; later it is a new one, since the cloud would
 * answer a known id with the first operation, even if that one failed.
 */
export function deletionIdOf(what: string, now: EpochMs): string {
  return uuidOf(`${what}/delete/${Math.floor(now / MINUTE_MS)}`);
}

/** The market that a request id was made for; null for an id that is not ours. */
export function marketOfRequestId(name: string, requestId: string): Market | null {
  return MARKETS.find((market) => requestIdOf(name, market) === requestId) ?? null;
}

export function requestDigest(request: LaunchRequest): string {
  const tags = Object.entries(request.tags).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const content = [request.owner, poolKey(request.pool), request.count, tags, request.userData];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32);
}

export function labelsOf(request: LaunchRequest, index: number): Readonly<Record<string, string>> {
  return {
    ...request.tags,
    [OWNER_LABEL]: request.owner,
    [ATTEMPT_LABEL]: request.idempotencyKey,
    [INDEX_LABEL]: String(index),
    [REQUEST_LABEL]: requestDigest(request),
  };
}

/** What users gave, without our own labels. */
export function tagsOf(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(LABEL_PREFIX)));
}
