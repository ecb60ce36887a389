import { VendorError } from './vendor-error.ts';

const OPERATORS = ['=', '!=', 'eq', 'ne', '>', '>=', '<', '<='] as const;
type Operator = (typeof OPERATORS)[number];

interface Comparison {
  readonly path: readonly string[];
  readonly operator: Operator;
  readonly value: string;
}

/** Any of these groups, each of comparisons that all hold. */
type Filter = readonly (readonly Comparison[])[];

const TOKEN = /\s*(\(|\)|!=|>=|<=|>|<|=|"(?:[^"\\]|\\.)*"|[^\s()=!<>"]+)/y;

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const match = TOKEN.exec(text);
    if (match?.[1] === undefined) throw invalidFilter(text);
    tokens.push(match[1]);
  }
  return tokens;
}

function invalidFilter(text: string): VendorError {
  return new VendorError({
    status: 400,
    reason: 'invalid',
    message: `Invalid value for field 'filter': '${text}'. Invalid list filter expression.`,
  });
}

function unquoted(token: string): string {
  return token.startsWith('"') ? token.slice(1, -1).replaceAll(/\\(.)/g, '$1') : token;
}

/**
 * The part of the list filter language that clients of this API use: `field = value`, `!=`, regular expressions with `eq` / `ne`, `<`, `>=` and so on
 * between numbers or times,
 * `AND` (also implied between parentheses), `OR`. Everything else is refused. `OR` between comparisons binds weaker than `AND`.
 */
function parse(text: string): Filter {
  const tokens = tokensOf(text).filter((token) => token !== '(' && token !== ')');
  const groups: Comparison[][] = [[]];
  for (let index = 0; index < tokens.length; ) {
    const token = tokens[index];
    if (token === 'AND') {
      index += 1;
      continue;
    }
    if (token === 'OR') {
      groups.push([]);
      index += 1;
      continue;
    }
    const operator = OPERATORS.find((known) => known === tokens[index + 1]);
    const value = tokens[index + 2];
    if (token === undefined || operator === undefined || value === undefined) throw invalidFilter(text);
    groups.at(-1)?.push({ path: token.split('.'), operator, value: unquoted(value) });
    index += 3;
  }
  if (groups.some((group) => group.length === 0)) throw invalidFilter(text);
  return groups;
}

function valueAt(resource: unknown, path: readonly string[]): string | null {
  let value = resource;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return null;
    value = Object.entries(value).find(([key]) => key === name)?.[1];
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

/** Numbers and times can be compared; NaN for all else, which is neither more nor less than anything. */
function magnitude(text: string | null): number {
  if (text === null || text === '') return Number.NaN;
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : Date.parse(text);
}

function holds({ path, operator, value }: Comparison, resource: object): boolean {
  const actual = valueAt(resource, path);
  switch (operator) {
    case '=':
      return actual === value;
    case '!=':
      return actual !== value;
    case 'eq':
      return actual !== null && new RegExp(`^(?:${value})$`).test(actual);
    case 'ne':
      return actual === null || !new RegExp(`^(?:${value})$`).test(actual);
    case '>':
      return magnitude(actual) > magnitude(value);
    case '>=':
      return magnitude(actual) >= magnitude(value);
    case '<':
      return magnitude(actual) < magnitude(value);
    case '<=':
      return magnitude(actual) <= magnitude(value);
  }
}

/** A predicate over resources. Null or empty keeps everything. Throws VendorError for an expression it does not know. */
export function filterOf(text: string | null): (resource: object) => boolean {
  if (text === null || text.trim() === '') return () => true;
  const filter = parse(text);
  return (resource) => filter.some((group) => group.every((comparison) => holds(comparison, resource)));
}
