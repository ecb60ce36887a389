import type { Request } from 'express';
import * as z from 'zod';
import { checkAgainst, field } from '../../config/schema-issues.ts';
import { INTERRUPTION_KINDS } from '../../domain/interruption.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { invalidBody } from '../problems.ts';
import { pageJson, pageOf, pageQuery, timeSchema } from '../resources/common.ts';
import { leftoverJson, leftoverPageSchema, sweepJson } from '../resources/leftovers.ts';

/** A JSON body as the schema has it. Throws `validation-failed` with every mistake. */
export function readBody<Schema extends z.ZodType>(request: Request, schema: Schema): z.output<Schema> {
  const checked = checkAgainst(schema, request.body ?? {});
  if (checked.ok) return checked.value;
  throw invalidBody(checked.issues);
}

const listLeftovers = defineOperation({
  method: 'get',
  path: '/v1/leftovers',
  id: 'listLeftovers',
  tag: 'Fleet',
  summary: 'List what carries our owner tag in a cloud and no lease accounts for, and how each region was swept',
  query: { provider: z.string().min(1).max(40).optional(), ...pageQuery },
  reply: { description: 'One page of leftovers, and the sweeps', schema: leftoverPageSchema },
  async handle({ service }, query) {
    const provider = query.provider ?? null;
    const page = pageJson(await service.listLeftovers(provider, pageOf(query)), leftoverJson);
    return { ...page, sweeps: (await service.listSweeps(provider)).map(sweepJson) };
  },
});

const noticeSchema = z
  .strictObject({
    kind: z.enum(INTERRUPTION_KINDS),
    message: field(z.string().max(1000), 'a text of at most 1000 characters').meta({
      description: 'The cloud’s words',
    }),
    deadlineAt: timeSchema.nullable().default(null),
  })
  .meta({ id: 'MachineNotice' });

const CALLBACK_LIMIT_BYTES = 16 * 1024;

const hearCallback = defineOperation({
  method: 'post',
  path: '/v1/callbacks/{attemptId}',
  id: 'hearCallback',
  tag: 'Machines',
  summary: 'A machine tells about itself: that its cloud is about to take it',
  description:
    'For the notice relay in a machine, with the token that the machine was started with as bearer. The same notice again changes nothing.',
  params: { attemptId: 'Id of the launch that the machine came of' },
  body: {
    description: 'The notice',
    content: { 'application/json': noticeSchema },
    limitBytes: CALLBACK_LIMIT_BYTES,
  },
  reply: {
    description: 'Whether it was new',
    schema: z.strictObject({ isNew: z.boolean() }).meta({ id: 'CallbackReceipt' }),
  },
  problems: ['callback-refused', 'callback-not-found'],
  async handle({ service, param, request }) {
    const token = /^Bearer ([\w~+/.=-]{1,200})$/i.exec(request.get('authorization') ?? '')?.[1] ?? null;
    const { kind, message, deadlineAt } = readBody(request, noticeSchema);
    const deadline = deadlineAt === null ? null : Date.parse(deadlineAt);
    return service.hearCallback(param('attemptId'), token, { kind, message, deadlineAt: deadline });
  },
});

export const executionOperations: readonly Operation[] = [listLeftovers, hearCallback];
