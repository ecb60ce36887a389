/** The part of JSON Schema 2020-12 that our OpenAPI document uses. An unknown keyword is an error, so nothing passes unread. */
type Schema = Readonly<Record<string, unknown>>;

const ANNOTATIONS = new Set([
  'description',
  'example',
  'examples',
  'title',
  'default',
  'id',
  '$id',
  'format',
  'minimum',
  'maximum',
]);
const LARGEST = Number.MAX_SAFE_INTEGER;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Place {
  readonly root: unknown;
  readonly schema: Schema;
  readonly limit: unknown;
  readonly path: string;
}

/** Every way in which the value departs from the schema, as `path: complaint`. `root` resolves `$ref`. */
export function schemaMistakes(root: unknown, schema: unknown, value: unknown, path = '$'): string[] {
  if (schema === true) return [];
  if (!isObject(schema)) return [`${path}: no schema`];
  return Object.entries(schema).flatMap(([keyword, limit]) => {
    if (ANNOTATIONS.has(keyword)) return [];
    const check = CHECKS[keyword];
    if (check === undefined) return [`${path}: the schema uses ${keyword}, which this test does not know`];
    return check(value, { root, schema, limit, path });
  });
}

function fails(isWrong: boolean, { path, limit }: Place, complaint: string): string[] {
  return isWrong ? [`${path}: ${complaint} ${String(limit)}`] : [];
}

function listOf(limit: unknown): unknown[] {
  return Array.isArray(limit) ? limit : [limit];
}

const CHECKS: Readonly<Record<string, (value: unknown, place: Place) => string[]>> = {
  $ref: (value, { root, limit, path }) => schemaMistakes(root, resolved(root, String(limit)), value, path),
  type: (value, place) => fails(!listOf(place.limit).some((type) => hasType(type, value)), place, 'is not of type'),
  const: (value, place) => fails(place.limit !== value, place, 'is not'),
  enum: (value, place) => fails(!listOf(place.limit).includes(value), place, 'is none of'),
  pattern: (value, place) =>
    fails(typeof value === 'string' && !new RegExp(String(place.limit)).test(value), place, 'does not match'),
  minLength: tooShort,
  minItems: tooShort,
  maxLength: tooLong,
  maxItems: tooLong,
  minimum: (value, place) => fails(typeof value === 'number' && value < Number(place.limit), place, 'is below'),
  maximum: (value, place) => fails(typeof value === 'number' && value > Number(place.limit), place, 'is above'),
  exclusiveMinimum: (value, place) =>
    fails(typeof value === 'number' && value <= Number(place.limit), place, 'is not above'),
  anyOf: anyMistakes,
  oneOf: anyMistakes,
  allOf: (value, { root, limit, path }) => listOf(limit).flatMap((part) => schemaMistakes(root, part, value, path)),
  items: (value, { root, limit, path }) =>
    Array.isArray(value) ? value.flatMap((item, index) => schemaMistakes(root, limit, item, `${path}[${index}]`)) : [],
  properties: (value, { root, limit, path }) =>
    isObject(value) && isObject(limit) ? propertyMistakes(root, limit, value, path) : [],
  required: (value, place) =>
    listOf(place.limit).flatMap((key) =>
      fails(isObject(value) && !Object.hasOwn(value, String(key)), { ...place, limit: key }, 'lacks'),
    ),
  additionalProperties: (value, place) => (isObject(value) ? additionalMistakes(value, place) : []),
  propertyNames: (value, { root, limit, path }) =>
    isObject(value)
      ? Object.keys(value).flatMap((key) => schemaMistakes(root, limit, key, `${path}.${key} (name)`))
      : [],
};

function tooShort(value: unknown, place: Place): string[] {
  return fails(hasLength(value) && value.length < Number(place.limit), place, 'is shorter than');
}

function tooLong(value: unknown, place: Place): string[] {
  return fails(hasLength(value) && value.length > Number(place.limit), place, 'is longer than');
}

function resolved(root: unknown, reference: string): unknown {
  let current = root;
  for (const part of reference.replace(/^#\//, '').split('/')) current = isObject(current) ? current[part] : undefined;
  return current;
}

function hasType(type: unknown, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value) && Math.abs(Number(value)) <= LARGEST;
  if (type === 'object') return isObject(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'null') return value === null;
  return typeof value === type;
}

function hasLength(value: unknown): value is string | unknown[] {
  return typeof value === 'string' || Array.isArray(value);
}

function anyMistakes(value: unknown, { root, limit, path }: Place): string[] {
  const tried = listOf(limit).map((option) => schemaMistakes(root, option, value, path));
  return tried.some((mistakes) => mistakes.length === 0)
    ? []
    : [`${path}: fits no alternative (${tried.flat().join('; ')})`];
}

function propertyMistakes(root: unknown, properties: Schema, value: Schema, path: string): string[] {
  return Object.entries(properties).flatMap(([key, schema]) =>
    Object.hasOwn(value, key) ? schemaMistakes(root, schema, value[key], `${path}.${key}`) : [],
  );
}

function additionalMistakes(value: Schema, { root, schema, limit, path }: Place): string[] {
  const known = isObject(schema['properties']) ? schema['properties'] : {};
  const extra = Object.keys(value).filter((key) => !Object.hasOwn(known, key));
  if (limit === false) return extra.map((key) => `${path}.${key}: is not in the schema`);
  return extra.flatMap((key) => schemaMistakes(root, limit, value[key], `${path}.${key}`));
}
