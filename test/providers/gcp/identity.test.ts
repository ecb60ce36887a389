import { describe, expect, it } from 'vitest';
import {
  labelsOf,
  machineName,
  marketOfRequestId,
  requestDigest,
  requestIdOf,
  tagsOf,
  uuidOf,
} from '../../../src/providers/gcp/identity.ts';
import type { LaunchRequest } from '../../../src/providers/provider.ts';

const REQUEST: LaunchRequest = {
  owner: 'fleet',
  idempotencyKey: '01k8',
  resend: false,
  accelerator: 'L4',
  pool: {
    ...{ provider: 'gcp', region: 'us-central1', zone: 'us-central1-a', instanceType: 'g2-standard-4' },
    ...{ market: 'spot', reservation: null },
  },
  count: 2,
  tags: { team: 'a', workload: 'b' },
  userData: '#!/bin/sh',
};

describe('names and request ids', () => {
  it('are UUIDs of version 5, the same for the same name', () => {
    const id = uuidOf('b-01k8-0');
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuidOf('b-01k8-0')).toBe(id);
    expect(uuidOf('b-01k8-1')).not.toBe(id);
  });

  it('fit the longest key into an instance’s name', () => {
    expect(machineName('k'.repeat(40), 999)).toMatch(/^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
  });

  it('tell the market again', () => {
    for (const market of ['on-demand', 'spot'] as const) {
      expect(marketOfRequestId('b-k-0', requestIdOf('b-k-0', market))).toBe(market);
    }
    expect(marketOfRequestId('b-k-0', requestIdOf('b-k-1', 'spot'))).toBeNull();
  });
});

describe('labels', () => {
  it('hold owner, attempt and index beside the tags, and give the tags back', () => {
    const labels = labelsOf(REQUEST, 1);
    expect(labels).toMatchObject({
      'gpu-broker-owner': 'fleet',
      'gpu-broker-attempt': '01k8',
      'gpu-broker-index': '1',
      team: 'a',
    });
    expect(tagsOf(labels)).toEqual(REQUEST.tags);
  });

  it('tell one request from another, whatever the order of its tags', () => {
    const digest = requestDigest(REQUEST);
    expect(requestDigest({ ...REQUEST, tags: { workload: 'b', team: 'a' } })).toBe(digest);
    const others: readonly LaunchRequest[] = [
      { ...REQUEST, owner: 'x' },
      { ...REQUEST, count: 3 },
      { ...REQUEST, userData: null },
      { ...REQUEST, tags: {} },
      { ...REQUEST, pool: { ...REQUEST.pool, market: 'on-demand' } },
      { ...REQUEST, pool: { ...REQUEST.pool, zone: 'us-central1-b' } },
    ];
    expect(new Set([digest, ...others.map(requestDigest)]).size).toBe(others.length + 1);
  });
});
