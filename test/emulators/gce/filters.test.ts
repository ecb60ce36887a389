import { describe, expect, it } from 'vitest';
import { filterOf } from '../../../src/emulators/gce/filters.ts';

const MACHINE = {
  ...{ name: 'a2-highgpu-1g', guestCpus: 12, labels: { owner: 'me', 'gpu-broker-attempt': 'k1' } },
  createdAt: '2026-10-01T02:00:00.000+02:00',
};

describe('list filters', () => {
  it.each([
    [null, true],
    ['', true],
    ['name = a2-highgpu-1g', true],
    ['name="a2-highgpu-1g"', true],
    ['name = a2', false],
    ['name != a2-highgpu-1g', false],
    ['guestCpus = 12', true],
    ['labels.owner=me', true],
    ['labels.owner = "you"', false],
    ['labels.gpu-broker-attempt=k1 AND labels.owner=me', true],
    ['labels.gpu-broker-attempt=k1 AND labels.owner=you', false],
    ['(labels.gpu-broker-attempt = "k1") (labels.owner = "you")', false],
    ['(name = x) OR (labels.owner = me)', true],
    ['(name = x) OR (labels.owner = you)', false],
    ['name eq "a2-.*"', true],
    ['name eq a2', false],
    ['name ne "a2-.*"', false],
    ['missing = x', false],
    ['missing != x', true],
    ['guestCpus > 11', true],
    ['guestCpus >= 13', false],
    ['guestCpus<13', true],
    ['guestCpus <= 11', false],
    ['createdAt >= "2026-10-01T00:00:00Z"', true],
    ['createdAt < "2026-10-01T00:00:00.000Z"', false],
    ['missing > 1', false],
  ])('%s → %s', (filter, kept) => {
    expect(filterOf(filter)(MACHINE)).toBe(kept);
  });

  it.each(['name', 'name =', 'name ~ x', 'AND', 'name : x', 'name = "x'])('refuses %s', (filter) => {
    expect(() => filterOf(filter)).toThrow('Invalid list filter expression');
  });
});
