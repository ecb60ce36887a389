import type { StaticOperationSchema } from '@smithy/types';
import type { World } from '../../world/contract.ts';
import type { RegionFact } from '../../world/market-facts.ts';
import { readQueryInput } from '../query-codec.ts';
import { VendorError } from '../vendor-error.ts';
import { writeXmlOutput } from '../xml-codec.ts';

/** What an action is carried out in: one world, one region of it. */
export interface ActionContext {
  readonly world: World;
  readonly region: RegionFact;
}

/** One action of the EC2 API, its types forgotten: form parameters in, XML out. */
export interface Action {
  readonly name: string;
  readonly mutating: boolean;
  run(context: ActionContext, parameters: URLSearchParams, requestId: string): string;
}

/** Binds an implementation to the SDK's schema of the operation: both directions of the wire follow from it. */
export function defineAction<Input extends object, Output extends object>(
  operation: StaticOperationSchema,
  mutating: boolean,
  implementation: (context: ActionContext, input: Input) => Output,
): Action {
  const [, , name, , inputSchema, outputSchema] = operation;
  return {
    name,
    mutating,
    run(context, parameters, requestId) {
      // The reader builds exactly what the schema describes, and the SDK's input type is generated from the same model.
      const input = readQueryInput(inputSchema, parameters) as Input;
      // RunInstances looks at what it is asked for first; it says so itself.
      if ('DryRun' in input && input.DryRun === true && name !== 'RunInstances') throw dryRunPassed();
      return writeXmlOutput(name, outputSchema, implementation(context, input), requestId);
    },
  };
}

/** What EC2 answers instead of carrying out a dry run: the caller may do it. */
export function dryRunPassed(): VendorError {
  return new VendorError(412, 'DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
}
