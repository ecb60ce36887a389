import type { Filter } from '@aws-sdk/client-ec2';
import { badRequest } from './vendor-error.ts';

/** What a resource says to a filter's name: its values, or null when that filter does not exist for the resource. */
export type FilterValues = (name: string) => readonly string[] | null;

/** EC2's filter semantics: any value of a filter, every filter; `*` and `?` are wildcards; case matters. */
export function matchesFilters(filters: readonly Filter[] | undefined, valuesOf: FilterValues): boolean {
  return (filters ?? []).every(({ Name: name = '', Values: wanted = [] }) => {
    const values = valuesOf(name);
    if (values === null) throw badRequest('InvalidParameterValue', `The filter '${name}' is invalid`);
    const patterns = wanted.map(wildcard);
    return values.some((value) => patterns.some((pattern) => pattern.test(value)));
  });
}

/** Checks names even where there is no resource to ask: an unknown filter is refused on an empty account too. */
export function assertFilterNames(filters: readonly Filter[] | undefined, known: (name: string) => boolean): void {
  for (const { Name: name = '' } of filters ?? []) {
    if (!known(name)) throw badRequest('InvalidParameterValue', `The filter '${name}' is invalid`);
  }
}

function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}
