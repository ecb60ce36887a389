import * as z from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { healthPaths } from './health.ts';
import type { Operation } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { PROBLEMS, type ProblemCode, problemSchema } from './problems.ts';

/** Problems that any operation can answer with. */
const COMMON_PROBLEMS: readonly ProblemCode[] = ['validation-failed', 'host-not-allowed', 'internal'];
const BODY_PROBLEMS: readonly ProblemCode[] = ['unsupported-media-type', 'payload-too-large'];

export const idempotencyKeySchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/)
  .optional()
  .meta({
    description: 'Any text of 1 to 255 visible ASCII characters; the operation is idempotent with or without it',
  });

/** The OpenAPI 3.1 document, from the schemas that validate and the definitions that are mounted. */
export function openApiDocument(version: string): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = { ...healthPaths };
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: operationObject(operation) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'gpu-broker',
      version,
      description: 'Keeps GPU workloads placed across clouds at the least cost that the diversification rules allow.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
  });
}

function operationObject(operation: Operation): ZodOpenApiOperationObject {
  const { body, reply, description } = operation;
  const pathParams = Object.fromEntries(
    Object.entries(operation.params).map(([name, meaning]) => [name, z.string().meta({ description: meaning })]),
  );
  const other = Object.entries(reply.otherContent ?? {}).map(([type, schema]) => [type, { schema }]);
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(description === undefined ? {} : { description }),
    requestParams: {
      path: z.object(pathParams),
      query: operation.query,
      ...(operation.method === 'post' ? { header: z.object({ 'Idempotency-Key': idempotencyKeySchema }) } : {}),
    },
    ...(body === null
      ? {}
      : { requestBody: { required: true, description: body.description, content: content(body.content) } }),
    responses: {
      '200': {
        description: reply.description,
        content: { 'application/json': { schema: reply.schema }, ...Object.fromEntries(other) },
      },
      ...problemResponses([...COMMON_PROBLEMS, ...(body === null ? [] : BODY_PROBLEMS), ...operation.problems]),
    },
  };
}

function content(schemas: Readonly<Record<string, z.ZodType>>): Record<string, { schema: z.ZodType }> {
  return Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, { schema }]));
}

function problemResponses(codes: readonly ProblemCode[]) {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      `${status}` as const,
      {
        description: group.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}
