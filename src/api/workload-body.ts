import type { Request } from 'express';
import * as z from 'zod';
import type { ConfigError } from '../config/config-error.ts';
import type { Issue } from '../config/issue.ts';
import { duplicateName, parseWorkloads, readWorkload, workloadKey } from '../config/workload.ts';
import { workloadSchema } from '../config/workload-schema.ts';
import type { WorkloadSpec } from '../domain/workload.ts';
import { ApiProblem, invalidBody, type ProblemErrorJson, summary } from './problems.ts';

export const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml'];

const yamlText = z.string().meta({ description: 'One or more workload documents, separated by `---`' });

export const oneWorkloadBody = {
  description: 'A workload as JSON, or one or more as YAML',
  content: { 'application/json': workloadSchema, 'application/yaml': yamlText },
};

export const workloadListBody = {
  description: 'Workloads as JSON, or as YAML documents',
  content: {
    'application/json': z.strictObject({ workloads: z.array(workloadSchema).max(1000) }).meta({ id: 'WorkloadList' }),
    'application/yaml': yamlText,
  },
};

/** The one workload of a JSON body, or the workloads of a YAML body. Throws `validation-failed` with every mistake. */
export function readWorkloadBody(request: Request): readonly WorkloadSpec[] {
  if (isYaml(request)) return yamlWorkloads(bodyText(request));
  const read = readWorkload(request.body);
  if (!read.ok) throw invalidBody(read.issues);
  return [read.value];
}

/** The workloads of `{ "workloads": [...] }`, or of a YAML body. */
export function readWorkloadListBody(request: Request): readonly WorkloadSpec[] {
  if (isYaml(request)) return yamlWorkloads(bodyText(request));
  const envelope = z.strictObject({ workloads: z.array(z.unknown()).max(1000) }).safeParse(request.body);
  if (!envelope.success) {
    throw new ApiProblem('validation-failed', 'The body must be {"workloads": [...]} with at most 1000 workloads', [
      { pointer: '/workloads', message: 'allowed: a list of workload documents' },
    ]);
  }
  const seen = new Set<string>();
  const specs: WorkloadSpec[] = [];
  const issues: Issue[] = [];
  for (const [index, document] of envelope.data.workloads.entries()) {
    const read = readWorkload(document);
    if (!read.ok) issues.push(...under(index, read.issues));
    else if (seen.has(workloadKey(read.value))) issues.push(...under(index, [duplicateName(read.value)]));
    else {
      seen.add(workloadKey(read.value));
      specs.push(read.value);
    }
  }
  if (issues.length > 0) throw invalidBody(issues);
  return specs;
}

function under(index: number, issues: readonly Issue[]): Issue[] {
  return issues.map((issue) => ({ ...issue, path: ['workloads', index, ...issue.path] }));
}

function yamlWorkloads(text: string): readonly WorkloadSpec[] {
  const parsed = parseWorkloads('body', text);
  if (parsed.ok) return parsed.value;
  throw new ApiProblem('validation-failed', summary(parsed.errors.length), parsed.errors.map(yamlError));
}

function yamlError({ line, column, path, message }: ConfigError): ProblemErrorJson {
  return path === '' ? { line, column, message } : { line, column, path, message };
}

function isYaml(request: Request): boolean {
  return Boolean(request.is(YAML_TYPES));
}

/** The text of a YAML body; empty where none was sent. */
export function bodyText(request: Request): string {
  return typeof request.body === 'string' ? request.body : '';
}
