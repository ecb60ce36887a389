/**
 * The request half of the EC2 Query protocol: form parameters → input object, by the SDK's own schema of the operation.
 * The response half is `xml-codec.ts`. Rules: https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
 */
import { NormalizedSchema } from '@smithy/core/schema';
import type { SchemaRef } from '@smithy/types';
import { badRequest } from './vendor-error.ts';

/** Parameters of the protocol itself, not of an operation. */
const PROTOCOL_PARAMETERS: ReadonlySet<string> = new Set(['Action', 'Version']);
const NUMBER = /^-?\d+(\.\d+)?$/;

interface ParameterNode {
  value: string | null;
  readonly children: Map<string, ParameterNode>;
}

/**
 * Reads the input of an operation. Throws `UnknownParameter`, `MissingParameter` or `InvalidParameterValue` as EC2 does.
 * The result has the shape that the schema describes, which is the SDK's type for that input.
 */
export function readQueryInput(schema: SchemaRef, parameters: URLSearchParams): Record<string, unknown> {
  return readStruct(NormalizedSchema.of(schema), treeOf(parameters), '');
}

function treeOf(parameters: URLSearchParams): ParameterNode {
  const root: ParameterNode = { value: null, children: new Map() };
  for (const [name, value] of parameters) {
    if (PROTOCOL_PARAMETERS.has(name)) continue;
    let node = root;
    for (const part of name.split('.')) {
      let child = node.children.get(part);
      if (child === undefined) {
        child = { value: null, children: new Map() };
        node.children.set(part, child);
      }
      node = child;
    }
    node.value = value;
  }
  return root;
}

function readStruct(schema: NormalizedSchema, node: ParameterNode, path: string): Record<string, unknown> {
  const members = new Map<string, readonly [string, NormalizedSchema]>();
  for (const [name, member] of schema.structIterator()) members.set(queryName(name, member), [name, member]);
  const input: Record<string, unknown> = {};
  for (const [key, child] of node.children) {
    const found = members.get(key);
    if (found === undefined) {
      throw badRequest('UnknownParameter', `The parameter ${path}${key} is not recognized`);
    }
    const [name, member] = found;
    input[name] = readValue(member, child, `${path}${key}`);
  }
  for (const name of requiredMembers(schema)) {
    if (!Object.hasOwn(input, name)) {
      throw badRequest('MissingParameter', `The request must contain the parameter ${path}${name}`);
    }
  }
  return input;
}

function readValue(schema: NormalizedSchema, node: ParameterNode, path: string): unknown {
  if (schema.isStructSchema()) return readStruct(schema, node, `${path}.`);
  if (schema.isListSchema()) return readList(schema, node, path);
  if (node.value === null || node.children.size > 0) {
    const [extra] = node.children.keys();
    throw badRequest('UnknownParameter', `The parameter ${path}.${extra ?? ''} is not recognized`);
  }
  return readScalar(schema, node.value, path);
}

function readList(schema: NormalizedSchema, node: ParameterNode, path: string): readonly unknown[] {
  const member = schema.getValueSchema();
  const keys = [...node.children.keys()];
  const wrong = keys.find((key) => !/^[1-9]\d*$/.test(key));
  if (wrong !== undefined) throw badRequest('UnknownParameter', `The parameter ${path}.${wrong} is not recognized`);
  return [...node.children]
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([key, child]) => readValue(member, child, `${path}.${key}`));
}

function readScalar(schema: NormalizedSchema, text: string, path: string): unknown {
  if (schema.isBooleanSchema()) {
    if (text !== 'true' && text !== 'false') throw invalidValue(text, path, 'a boolean');
    return text === 'true';
  }
  if (schema.isNumericSchema()) {
    if (!NUMBER.test(text)) throw invalidValue(text, path, 'a number');
    return Number(text);
  }
  if (schema.isTimestampSchema()) {
    const time = Date.parse(text);
    if (Number.isNaN(time)) throw invalidValue(text, path, 'a date');
    return new Date(time);
  }
  if (schema.isBlobSchema()) return Buffer.from(text, 'base64');
  return text;
}

function invalidValue(text: string, path: string, wanted: string): Error {
  return badRequest('InvalidParameterValue', `Value (${text}) for parameter ${path} is invalid. Expected ${wanted}.`);
}

/** The name of a member in a request: its own query name, else its XML name with a capital. */
function queryName(name: string, member: NormalizedSchema): string {
  const traits = member.getMergedTraits();
  if (typeof traits['ec2QueryName'] === 'string') return traits['ec2QueryName'];
  const plain = typeof traits.xmlName === 'string' ? traits.xmlName : name;
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** The SDK's schemas put required members first and say how many there are. */
export function requiredMembers(schema: NormalizedSchema): readonly string[] {
  const shape = schema.getSchema();
  if (!Array.isArray(shape) || shape[0] !== 3) return [];
  return shape[4].slice(0, shape[6] ?? 0);
}
