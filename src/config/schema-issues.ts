import * as z from 'zod';
import type { Issue, IssueResult } from './issue.ts';
import { allowedWords } from './suggestion.ts';

/** What a field accepts, in words, for the end of an error message. */
const ALLOWED = z.registry<{ allowed: string }>();

/** Says in words what the field accepts (`a share from 0 to 1`) and what it means (for editors and documents). */
export function field<Schema extends z.ZodType>(schema: Schema, allowed: string, description?: string): Schema {
  const described = description === undefined ? schema : schema.describe(description);
  ALLOWED.add(described, { allowed });
  return described;
}

/** Checks a value against a schema; every mistake becomes an {@link Issue} that says what is allowed instead. */
export function checkAgainst<Schema extends z.ZodType>(schema: Schema, value: unknown): IssueResult<z.output<Schema>> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, issues: result.error.issues.flatMap((issue) => issuesFrom(issue, schema, value, [])) };
}

/** Like {@link checkAgainst} for a whole document: of the wrong kind, that is the one mistake worth telling. */
export function checkDocument<Schema extends z.ZodType>(
  kind: string,
  schema: Schema,
  value: unknown,
): IssueResult<z.output<Schema>> {
  const actual = valueAt(value, ['kind']);
  if (typeof actual !== 'string' || actual === kind) return checkAgainst(schema, value);
  const message = `${shown(actual)} is not the kind of document that belongs here; ${allowedWords(actual, [kind])}`;
  return { ok: false, issues: [{ path: ['kind'], at: 'value', message }] };
}

type SchemaIssue = z.core.$ZodIssue;

function issuesFrom(issue: SchemaIssue, root: unknown, value: unknown, base: readonly PropertyKey[]): Issue[] {
  const path = [...base, ...issue.path];
  const schema = schemaAt(root, issue.path);
  const actual = valueAt(value, issue.path);
  const allowed = phraseOf(schema);
  const issueHere = (message: string): Issue[] => [{ path, at: 'value', message }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], at: 'key', message: unknownKey(key, schema) }));
    case 'invalid_union':
      return unionIssues(issue, schema, actual, path);
    case 'invalid_value':
      return issueHere(
        actual === undefined
          ? missing(listed(issue.values))
          : `${shown(actual)} is unknown; ${words(actual, issue.values)}`,
      );
    case 'invalid_type':
      return issueHere(
        actual === undefined
          ? missing(allowed)
          : `${shown(actual)} is ${kindOf(actual)}; ${expected(allowed, issue.expected)}`,
      );
    case 'too_big':
    case 'too_small':
      return issueHere(`${sizeComplaint(actual, issue.code === 'too_big')}; ${expected(allowed, sizeLimit(issue))}`);
    case 'invalid_key':
      return [
        {
          path,
          at: 'key',
          message: `${shown(issue.path.at(-1))} is not a valid name here; ${expected(keyPhraseOf(root, issue.path), 'another name')}`,
        },
      ];
    case 'custom':
      return issueHere(issue.message);
    case 'invalid_format':
    case 'invalid_element':
    case 'not_multiple_of':
      return issueHere(`${shown(actual)} does not have the right form; ${expected(allowed, issue.message)}`);
  }
}

/** Reports the branch that the writer most likely meant: the one whose outer shape fits. */
function unionIssues(
  issue: z.core.$ZodIssueInvalidUnion,
  schema: unknown,
  actual: unknown,
  path: readonly PropertyKey[],
): Issue[] {
  const union = unwrapped(schema).find((layer) => layer instanceof z.ZodUnion);
  const options = union instanceof z.ZodUnion ? union.options : [];
  const allowed = phraseOf(schema);
  const meant = issue.errors.findIndex(
    (errors) => !errors.some((error) => error.path.length === 0 && error.code === 'invalid_type'),
  );
  const errors = issue.errors[meant];
  const isWhole = errors?.every((error) => error.path.length === 0 && error.code !== 'unrecognized_keys') ?? true;
  if (errors === undefined || (isWhole && union instanceof z.ZodType && ALLOWED.has(union))) {
    const message =
      actual === undefined
        ? missing(allowed)
        : `${shown(actual)} is ${kindOf(actual)}; ${expected(allowed, 'another kind of value')}`;
    return [{ path, at: 'value', message }];
  }
  return errors.flatMap((error) => issuesFrom(error, options[meant], actual, path));
}

function unknownKey(key: string, schema: unknown): string {
  const object = unwrapped(schema).find((candidate) => candidate instanceof z.ZodObject);
  const keys = object instanceof z.ZodObject ? Object.keys(object.shape) : [];
  return `unknown key; ${allowedWords(key, keys)}`;
}

function missing(allowed: string | null): string {
  return allowed === null ? 'missing' : `missing; allowed: ${allowed}`;
}

function expected(allowed: string | null, otherwise: string): string {
  return `allowed: ${allowed ?? otherwise}`;
}

function listed(values: readonly unknown[]): string {
  return values.map(String).join(', ');
}

function words(actual: unknown, values: readonly unknown[]): string {
  return typeof actual === 'string' ? allowedWords(actual, values.map(String)) : `allowed: ${listed(values)}`;
}

function sizeComplaint(actual: unknown, tooBig: boolean): string {
  if (Array.isArray(actual)) return actual.length === 0 ? 'the list is empty' : `the list has ${actual.length} entries`;
  if (typeof actual === 'string') {
    return actual === ''
      ? 'the text is empty'
      : `the text is too ${tooBig ? 'long' : 'short'} (${actual.length} characters)`;
  }
  return `${shown(actual)} is too ${tooBig ? 'large' : 'small'}`;
}

function sizeLimit(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall): string {
  return issue.code === 'too_big' ? `at most ${issue.maximum}` : `at least ${issue.minimum}`;
}

/** A value as it may stand in a message: short, on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'this list' : 'this mapping';
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}…"`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'not expected here';
  return (
    { string: 'a text', number: 'a number', boolean: 'a true/false value' }[String(typeof value)] ?? 'not expected here'
  );
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = Reflect.get(current, part);
  }
  return current;
}

/** The schema itself and what its optional, nullable and default wrappers hold, outermost first. */
function unwrapped(schema: unknown): unknown[] {
  const layers: unknown[] = [];
  let current = schema;
  while (current instanceof z.ZodType) {
    layers.push(current);
    const holds: boolean =
      current instanceof z.ZodOptional ||
      current instanceof z.ZodNullable ||
      current instanceof z.ZodDefault ||
      current instanceof z.ZodPrefault;
    current = holds ? Reflect.get(current.def, 'innerType') : undefined;
  }
  return layers;
}

function phraseOf(schema: unknown): string | null {
  for (const layer of unwrapped(schema)) {
    const phrase = layer instanceof z.ZodType ? (ALLOWED.get(layer)?.allowed ?? shapePhrase(layer)) : null;
    if (phrase !== null) return phrase;
  }
  return null;
}

/** What a schema without a phrase of its own accepts, from its shape. */
function shapePhrase(schema: z.ZodType): string | null {
  if (schema instanceof z.ZodEnum) return listed(schema.options);
  if (schema instanceof z.ZodLiteral) return listed([...schema.values]);
  if (schema instanceof z.ZodObject) return `a mapping with ${listed(Object.keys(schema.shape))}`;
  if (schema instanceof z.ZodArray) return `a list of ${phraseOf(schema.element) ?? 'values'}`;
  if (schema instanceof z.ZodUnion) return schema.options.map((option) => phraseOf(option) ?? 'a value').join(', or ');
  return null;
}

function keyPhraseOf(root: unknown, path: readonly PropertyKey[]): string | null {
  const record = unwrapped(schemaAt(root, path.slice(0, -1))).find((layer) => layer instanceof z.ZodRecord);
  return record instanceof z.ZodRecord ? phraseOf(record.keyType) : null;
}

function schemaAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let current = root;
  for (const part of path) current = schemaBelow(current, part);
  return current;
}

function schemaBelow(schema: unknown, part: PropertyKey): unknown {
  for (const layer of unwrapped(schema)) {
    if (layer instanceof z.ZodObject) return layer.shape[String(part)];
    if (layer instanceof z.ZodArray) return layer.element;
    if (layer instanceof z.ZodRecord) return layer.valueType;
    if (layer instanceof z.ZodUnion) {
      const found = layer.options.map((option) => schemaBelow(option, part)).find((option) => option !== undefined);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
