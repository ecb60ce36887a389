/** What Pricing, Service Quotas and SQS have in common: `POST /`, AWS JSON, the operation in `x-amz-target`. */
import { NormalizedSchema } from '@smithy/core/schema';
import type { StaticOperationSchema } from '@smithy/types';
import type { FaultAnswer, Front, FrontRequest, FrontResponse, RequestLabel } from '../http/front.ts';
import type { VendorErrorFact, World } from '../world/contract.ts';
import type { RegionFact } from '../world/market-facts.ts';
import { checkScope, credentialScope } from './authorization.ts';
import { requiredMembers } from './query-codec.ts';
import { requestIds } from './request-ids.ts';
import { badRequest, VendorError } from './vendor-error.ts';

export interface JsonOperation {
  readonly name: string;
  readonly mutating: boolean;
  /** IAM's name of what the caller must be allowed, without the service; mostly the operation's own. */
  readonly permission: string;
  run(region: RegionFact, input: unknown): object;
}

export interface JsonService {
  /** As the request log and `ProviderSettings.endpoints` name it. */
  readonly service: string;
  /** As SigV4 names it. */
  readonly signingName: string;
  /** What stands before the dot in `x-amz-target`. */
  readonly target: string;
  /** `1.0` or `1.1`: the version of the JSON protocol. */
  readonly jsonVersion?: '1.0' | '1.1';
  readonly operations: readonly JsonOperation[];
  readonly faults: Readonly<Record<FaultAnswer, VendorError>>;
}

/** Binds an implementation to the SDK's schema of the operation: input and output are checked against it. */
export function defineOperation<Input extends object, Output extends object>(
  operation: StaticOperationSchema,
  implementation: (region: RegionFact, input: Input) => Output,
  more: { readonly mutating?: boolean; readonly permission?: string } = {},
): JsonOperation {
  const [, , name, , inputSchema, outputSchema] = operation;
  return {
    name,
    mutating: more.mutating ?? false,
    permission: more.permission ?? name,
    run(region, input) {
      const problem = shapeProblem(NormalizedSchema.of(inputSchema), input, 'request');
      if (problem !== null) throw badRequest('ValidationException', problem);
      const output = implementation(region, input as Input);
      const mistake = shapeProblem(NormalizedSchema.of(outputSchema), output, name);
      if (mistake !== null) throw new RangeError(`${mistake}: not in the SDK's schema`);
      return output;
    },
  };
}

export function createJsonFront(world: World, service: JsonService): Front {
  const nextRequestId = requestIds(world, service.service);
  const operations = new Map(service.operations.map((operation) => [operation.name, operation]));

  function operationName(request: FrontRequest): string {
    const [target, name] = (request.headers['x-amz-target'] ?? '').split('.');
    return target === service.target ? (name ?? '') : '';
  }

  function answer(request: FrontRequest): object {
    const scope = checkScope(request, service.signingName, (region) => world.region('aws', region) !== null);
    if (!scope.ok) {
      if (scope.reason === 'missing')
        throw badRequest('MissingAuthenticationTokenException', 'Missing Authentication Token');
      throw badRequest(
        'InvalidSignatureException',
        'Credential should be scoped to a valid region and to the correct service.',
      );
    }
    const region = world.region('aws', scope.region);
    const operation = operations.get(operationName(request));
    if (region === null || operation === undefined) throw badRequest('UnknownOperationException', 'Unknown operation');
    const permission = `${service.signingName}:${operation.permission}`;
    if (world.isDenied('aws', permission)) {
      throw badRequest('AccessDeniedException', `User is not authorized to perform: ${permission}`);
    }
    return operation.run(region, parse(request.body.toString('utf8')));
  }

  function respond(status: number, body: object): FrontResponse {
    return {
      status,
      headers: {
        'content-type': `application/x-amz-json-${service.jsonVersion ?? '1.1'}`,
        'x-amzn-requestid': nextRequestId(),
      },
      body: JSON.stringify(body),
    };
  }

  function refuse(error: VendorError): FrontResponse {
    return respond(error.status, { __type: error.code, message: error.message });
  }

  function vendorErrorResponse({ status, code, message }: VendorErrorFact): FrontResponse {
    return refuse(new VendorError(status, code, message));
  }

  return {
    cloud: 'aws',
    service: service.service,
    tls: false,
    label(request): RequestLabel {
      const operation = operationName(request);
      const mutating = operations.get(operation)?.mutating ?? false;
      return { operation, region: credentialScope(request)?.region ?? null, mutating };
    },
    handle(request, forcedFailure): FrontResponse {
      if (forcedFailure) return vendorErrorResponse(forcedFailure);
      try {
        return respond(200, answer(request));
      } catch (error) {
        if (error instanceof VendorError) return refuse(error);
        throw error;
      }
    },
    faultResponse: (fault) => refuse(service.faults[fault]),
    vendorErrorResponse,
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw badRequest('SerializationException', 'The request body is not valid JSON');
  }
}

/** Null when the value fits the schema; else what does not. */
function shapeProblem(schema: NormalizedSchema, value: unknown, path: string): string | null {
  if (schema.isStructSchema()) return structProblem(schema, value, path);
  if (schema.isListSchema()) return listProblem(schema, value, path);
  const wanted = scalarKind(schema);
  return wanted === null || typeof value === wanted ? null : `${path} must be a ${wanted}`;
}

function scalarKind(schema: NormalizedSchema): 'number' | 'boolean' | 'string' | null {
  if (schema.isNumericSchema()) return 'number';
  if (schema.isBooleanSchema()) return 'boolean';
  return schema.isStringSchema() ? 'string' : null;
}

function listProblem(schema: NormalizedSchema, value: unknown, path: string): string | null {
  if (!Array.isArray(value)) return `${path} must be a list`;
  const member = schema.getValueSchema();
  for (const [index, item] of value.entries()) {
    const problem = shapeProblem(member, item, `${path}[${index}]`);
    if (problem !== null) return problem;
  }
  return null;
}

function structProblem(schema: NormalizedSchema, value: unknown, path: string): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${path} must be a structure`;
  const members = schema.getMemberSchemas();
  for (const [name, item] of Object.entries(value)) {
    const member = members[name];
    if (member === undefined) return `${path}.${name} is not a member`;
    if (item === undefined || item === null) continue;
    const problem = shapeProblem(member, item, `${path}.${name}`);
    if (problem !== null) return problem;
  }
  const missing = requiredMembers(schema).find((name) => !Object.hasOwn(value, name));
  return missing === undefined ? null : `${path}.${missing} is missing`;
}
