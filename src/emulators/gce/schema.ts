import { createRequire } from 'node:module';

/** A field of a message in the SDK's protocol description. */
interface FieldSchema {
  readonly type: string;
  readonly repeated: boolean;
  readonly isMap: boolean;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** One remote procedure with its HTTP rule. */
export interface MethodSchema {
  /** `instances.insert` */
  readonly operation: string;
  readonly httpMethod: string;
  /** `/compute/v1/projects/{project}/zones/{zone}/instances` */
  readonly pathTemplate: string;
  /** The request's field that is the HTTP body, in camel case; null = no body. */
  readonly bodyField: string | null;
  readonly requestType: string;
  readonly responseType: string;
}

/** The wire format of one API, from the description that its SDK carries. */
export interface ApiSchema {
  method(service: string, name: string): MethodSchema;
  fieldType(message: string, field: string): string | null;
  /** What is wrong with a JSON value as a `message`: unknown names, wrong types. Null = nothing. */
  mismatch(message: string, value: unknown, path?: string): string | null;
}

const HTTP_METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** JSON types by protocol buffer scalar; 64-bit integers travel as strings. */
const SCALARS: Readonly<Record<string, readonly string[]>> = {
  string: ['string'],
  bytes: ['string'],
  bool: ['boolean'],
  int32: ['number'],
  uint32: ['number'],
  int64: ['string', 'number'],
  uint64: ['string', 'number'],
  float: ['number'],
  double: ['number'],
};

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function child(parent: unknown, name: string): JsonObject {
  const value = isObject(parent) ? parent[name] : undefined;
  if (!isObject(value)) throw new Error(`the SDK's protocol description has no ${name}`);
  return value;
}

function camelCase(snake: string): string {
  return snake.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Reads `protos.json` of a package, e.g. `@google-cloud/compute`, and finds a namespace in it (`google.cloud.compute.v1`).
 * `require` shares the parsed file with the SDK when both live in one process.
 */
export function loadApiSchema(packageName: string, namespace: string): ApiSchema {
  const description: unknown = createRequire(import.meta.url)(`${packageName}/build/protos/protos.json`);
  const types = namespace
    .split('.')
    .reduce((node, name) => child(child(node, 'nested'), name), description as JsonObject);
  return schemaOf(child(types, 'nested'));
}

function schemaOf(types: JsonObject): ApiSchema {
  function method(service: string, name: string): MethodSchema {
    const rpc = child(child(types[service], 'methods'), name);
    const options = child(rpc, 'options');
    const httpMethod = HTTP_METHODS.find((verb) => typeof options[`(google.api.http).${verb}`] === 'string');
    if (httpMethod === undefined) throw new Error(`${service}.${name} has no HTTP rule`);
    const body = options['(google.api.http).body'];
    return {
      operation: `${service.charAt(0).toLowerCase()}${service.slice(1)}.${name.charAt(0).toLowerCase()}${name.slice(1)}`,
      httpMethod: httpMethod.toUpperCase(),
      pathTemplate: String(options[`(google.api.http).${httpMethod}`]),
      bodyField: typeof body === 'string' ? camelCase(body) : null,
      requestType: String(rpc['requestType']),
      responseType: String(rpc['responseType']),
    };
  }

  const known = new Map<string, ReadonlyMap<string, FieldSchema> | null>();

  function fieldsOf(message: string): ReadonlyMap<string, FieldSchema> | null {
    const found = known.get(message);
    if (found !== undefined) return found;
    const fields = readFields(message);
    known.set(message, fields);
    return fields;
  }

  function readFields(message: string): ReadonlyMap<string, FieldSchema> | null {
    const type = types[message];
    if (!isObject(type) || !isObject(type['fields'])) return null;
    return new Map(
      Object.entries(type['fields']).map(([name, field]) => {
        const schema = isObject(field) ? field : {};
        const isMap = 'keyType' in schema;
        return [name, { type: String(schema['type']), repeated: schema['rule'] === 'repeated', isMap }] as const;
      }),
    );
  }

  function enumValues(owner: string, type: string): JsonObject | null {
    const message = types[owner];
    const nested = isObject(message) && isObject(message['nested']) ? message['nested'][type] : undefined;
    const found = nested ?? types[type];
    return isObject(found) && isObject(found['values']) ? found['values'] : null;
  }

  function mismatch(message: string, value: unknown, path = ''): string | null {
    const fields = fieldsOf(message);
    // Types of other packages (`google.protobuf.Any`) are not ours to check.
    if (fields === null) return null;
    if (!isObject(value)) return `Invalid value at '${path}' (${message}), ${JSON.stringify(value)}`;
    return firstOf(Object.entries(value), ([name, item]) => {
      const field = fields.get(name);
      if (field !== undefined) return fieldMismatch(message, field, item, path === '' ? name : `${path}.${name}`);
      const place = path === '' ? '' : ` at '${path}'`;
      return `Invalid JSON payload received. Unknown name "${name}"${place}: Cannot find field.`;
    });
  }

  function fieldMismatch(owner: string, field: FieldSchema, value: unknown, path: string): string | null {
    if (field.isMap) {
      if (!isObject(value)) return `Invalid value at '${path}' (map), ${JSON.stringify(value)}`;
      return firstOf(Object.entries(value), ([key, item]) => valueMismatch(owner, field.type, item, `${path}[${key}]`));
    }
    if (!field.repeated) return valueMismatch(owner, field.type, value, path);
    if (!Array.isArray(value)) return `Invalid value at '${path}' (list), ${JSON.stringify(value)}`;
    return firstOf([...value.entries()], ([index, item]) =>
      valueMismatch(owner, field.type, item, `${path}[${index}]`),
    );
  }

  function valueMismatch(owner: string, type: string, value: unknown, path: string): string | null {
    const values = enumValues(owner, type);
    if (values !== null) {
      // A name that the description does not know becomes undefined in the client, without a word.
      return typeof value === 'string' && Object.hasOwn(values, value)
        ? null
        : `Invalid value at '${path}' (${type}), ${JSON.stringify(value)}`;
    }
    const allowed = SCALARS[type];
    if (allowed === undefined) return mismatch(type, value, path);
    return allowed.includes(typeof value)
      ? null
      : `Invalid value at '${path}' (TYPE_${type.toUpperCase()}), ${JSON.stringify(value)}`;
  }

  return {
    method,
    fieldType: (message, field) => fieldsOf(message)?.get(field)?.type ?? null,
    mismatch,
  };
}

function firstOf<T>(items: readonly T[], check: (item: T) => string | null): string | null {
  for (const item of items) {
    const wrong = check(item);
    if (wrong !== null) return wrong;
  }
  return null;
}
