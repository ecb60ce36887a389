/** The response half of the EC2 Query protocol: output object → XML, by the SDK's own schema of the operation. */
import { NormalizedSchema } from '@smithy/core/schema';
import type { SchemaRef } from '@smithy/types';
import type { VendorError } from './vendor-error.ts';

const NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/';

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** Characters that XML 1.0 cannot carry at all. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the point
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g;

export function escapeXml(text: string): string {
  return text.replace(FORBIDDEN, '').replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');
}

/** Throws RangeError for a member that the schema does not have: an emulator must not invent fields. */
export function writeXmlOutput(operation: string, schema: SchemaRef, output: object, requestId: string): string {
  const body = writeStruct(NormalizedSchema.of(schema), output, operation);
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<${operation}Response xmlns="${NAMESPACE}">` +
    `<requestId>${escapeXml(requestId)}</requestId>${body}</${operation}Response>`
  );
}

export function writeXmlError(error: VendorError, requestId: string): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${escapeXml(error.code)}</Code>` +
    `<Message>${escapeXml(error.message)}</Message></Error></Errors><RequestID>${escapeXml(requestId)}</RequestID></Response>`
  );
}

function writeStruct(schema: NormalizedSchema, value: object, path: string): string {
  const left = new Map(Object.entries(value));
  let xml = '';
  for (const [name, member] of schema.structIterator()) {
    const item: unknown = left.get(name);
    left.delete(name);
    if (item === undefined || item === null) continue;
    xml += element(xmlName(member, name), writeValue(member, item, `${path}.${name}`));
  }
  const [unknown] = left.keys();
  if (unknown !== undefined) throw new RangeError(`${path} has no member ${unknown} in the SDK's schema`);
  return xml;
}

function writeValue(schema: NormalizedSchema, value: unknown, path: string): string {
  if (schema.isStructSchema()) {
    if (typeof value !== 'object' || value === null) throw new RangeError(`${path} must be a structure`);
    return writeStruct(schema, value, path);
  }
  if (schema.isListSchema()) {
    if (!Array.isArray(value)) throw new RangeError(`${path} must be a list`);
    const member = schema.getValueSchema();
    const name = xmlName(member, 'member');
    return value.map((item, index) => element(name, writeValue(member, item, `${path}[${index}]`))).join('');
  }
  return escapeXml(scalarText(schema, value, path));
}

function scalarText(schema: NormalizedSchema, value: unknown, path: string): string {
  if (schema.isTimestampSchema()) {
    if (!(value instanceof Date)) throw new RangeError(`${path} must be a Date`);
    return value.toISOString();
  }
  if (schema.isBooleanSchema() && typeof value === 'boolean') return String(value);
  if (schema.isNumericSchema() && typeof value === 'number') return String(value);
  if (schema.isStringSchema() && typeof value === 'string') return value;
  throw new RangeError(`${path} has a value of the wrong kind: ${typeof value}`);
}

function xmlName(schema: NormalizedSchema, otherwise: string): string {
  const { xmlName: name } = schema.getMergedTraits();
  return typeof name === 'string' ? name : otherwise;
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}
