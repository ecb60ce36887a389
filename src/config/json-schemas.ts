import * as z from 'zod';
import { brokerSchema } from './broker-schema.ts';
import { policySchema } from './policy-schema.ts';
import { workloadSchema } from './workload-schema.ts';

const SCHEMAS = { broker: brokerSchema, policy: policySchema, workload: workloadSchema };

/** The files of `config/schema/`, for editors: names and contents. */
export function jsonSchemaFiles(): ReadonlyMap<string, string> {
  const files = Object.entries(SCHEMAS).map(([kind, schema]): [string, string] => {
    const { id: _id, ...document } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
    return [`${kind}.json`, `${JSON.stringify(document, null, 2)}\n`];
  });
  return new Map(files);
}
