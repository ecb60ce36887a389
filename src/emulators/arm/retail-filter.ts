/** A filter of the Retail Prices API: the part of OData that it understands here, all clauses joined by `and`. */
export interface RetailClause {
  readonly field: string;
  readonly test: 'eq' | 'contains';
  readonly value: string;
}

const EQUALS = /^(\w+)\s+eq\s+'((?:[^']|'')*)'$/;
const CONTAINS = /^contains\(\s*(\w+)\s*,\s*'((?:[^']|'')*)'\s*\)$/;

/** Null for a filter that this API would not understand. */
export function readRetailFilter(text: string): readonly RetailClause[] | null {
  const clauses: RetailClause[] = [];
  if (text.trim() === '') return clauses;
  for (const part of text.split(/\s+and\s+/)) {
    const clause = clauseOf(part.trim());
    if (clause === null) return null;
    clauses.push(clause);
  }
  return clauses;
}

function clauseOf(text: string): RetailClause | null {
  const equals = EQUALS.exec(text);
  const [, field, value] = equals ?? CONTAINS.exec(text) ?? [];
  if (field === undefined || value === undefined) return null;
  return { field, test: equals === null ? 'contains' : 'eq', value: value.replaceAll("''", "'") };
}

/** Values are compared with case, as the API does from 2023-01-01-preview on. `priceType` is the filter's name for `type`. */
export function matchesClauses(clauses: readonly RetailClause[], item: Readonly<Record<string, unknown>>): boolean {
  return clauses.every(({ field, test, value }) => {
    const actual = String(item[field === 'priceType' ? 'type' : field] ?? '');
    return test === 'eq' ? actual === value : actual.includes(value);
  });
}

/** The region a filter asks for; null when it asks for all. */
export function regionOfClauses(clauses: readonly RetailClause[] | null): string | null {
  return clauses?.find(({ field, test }) => field === 'armRegionName' && test === 'eq')?.value ?? null;
}
