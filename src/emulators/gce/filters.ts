import { VendorError } from './vendor-error.ts';

interface Comparison {
  readonly path: readonly string[];
  readonly operator: '=' | '!=' | 'eq' | 'ne';
  readonly value: string;
}

/** Any of these groups, each of comparisons that all hold. */
type Filter = readonly (readonly Comparison[])[];

const TOKEN = /\s*(\(|\)|!=|=|"(?:[^"\\]|\\.)*"|[^\s()=!"]+)/y;

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
 * The part of the list filter language that clients of this API use: `field = value`, `!=`, regular expressions with `eq` / `ne`,
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
    const [operator, value] = [tokens[index + 1], tokens[index + 2]];
    if (token === undefined || value === undefined) throw invalidFilter(text);
    if (operator !== '=' && operator !== '!=' && operator !== 'eq' && operator !== 'ne') throw invalidFilter(text);
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
  }
}

/** A predicate over resources. Null or empty keeps everything. Throws VendorError for an expression it does not know. */
export function filterOf(text: string | null): (resource: object) => boolean {
  if (text === null || text.trim() === '') return () => true;
  const filter = parse(text);
  return (resource) => filter.some((group) => group.every((comparison) => holds(comparison, resource)));
}
