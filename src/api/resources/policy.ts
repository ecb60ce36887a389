import * as z from 'zod';
import type { PolicyView } from '../../broker/service.ts';
import type { ConfigError, ConfigResult } from '../../config/config-error.ts';
import { policyDocument } from '../../config/policy.ts';
import { policySchema } from '../../config/policy-schema.ts';
import type { Policy } from '../../domain/policy.ts';
import { timeJson, timeSchema } from './common.ts';

export const policyStateSchema = z
  .strictObject({
    name: z.string(),
    version: z.int(),
    document: policySchema.meta({ description: 'The policy, every default written out' }),
    source: z.string().meta({ description: 'The YAML as the operator wrote it' }),
    loadedAt: timeSchema,
    rejected: z
      .array(z.string())
      .meta({ description: 'Errors of newer policy files, which were refused together; the policies stay in force' }),
  })
  .meta({ id: 'Policy' });
export type PolicyJson = z.infer<typeof policyStateSchema>;

export function policyJson(view: PolicyView): PolicyJson {
  return {
    name: view.policy.name,
    version: view.version,
    document: policyDocument(view.policy),
    source: view.source,
    loadedAt: timeJson(view.loadedAt),
    rejected: [...view.rejected],
  };
}

const checkErrorSchema = z
  .strictObject({ line: z.int(), column: z.int(), path: z.string(), message: z.string() })
  .meta({ id: 'PolicyCheckError' });

export const policyCheckSchema = z
  .strictObject({
    valid: z.boolean(),
    errors: z.array(checkErrorSchema),
    document: policySchema
      .nullable()
      .meta({ description: 'The policy with every default written out; null when not valid' }),
  })
  .meta({ id: 'PolicyCheck' });
export type PolicyCheckJson = z.infer<typeof policyCheckSchema>;

export function policyCheckJson(result: ConfigResult<Policy>): PolicyCheckJson {
  if (result.ok) return { valid: true, errors: [], document: policyDocument(result.value) };
  return { valid: false, errors: result.errors.map(checkError), document: null };
}

function checkError({ line, column, path, message }: ConfigError): z.infer<typeof checkErrorSchema> {
  return { line, column, path, message };
}
