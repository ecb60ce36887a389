import { expect, it } from 'vitest';
import { sharesJson } from '../../src/api/resources/common.ts';

it('tells shares largest first, whatever order the store hands them out in; ties by name', () => {
  expect(Object.keys(sharesJson({ b: 0.2, gcp: 0.5, a: 0.2, aws: 0.1 }))).toEqual(['gcp', 'a', 'b', 'aws']);
});
