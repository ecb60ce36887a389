import type { Policy } from '../domain/policy.ts';
import { appendEvent } from '../store/events.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import { currentPolicy, insertPolicyVersion } from '../store/policies.ts';
import type { BrokerContext } from './context.ts';

/** Keeps the policy in force, versioned in the store. A refused file changes nothing but what is told about it. */
export interface PolicyKeeper {
  /** Puts a policy in force; a new version only when its text changed. */
  accept(policy: Policy, source: string): Promise<void>;
  /** Remembers the errors of a newer file; the policy in force stays. */
  reject(errors: readonly string[]): Promise<void>;
  /** Errors of the newest file; empty when it is in force. */
  rejected(): readonly string[];
}

export function createPolicyKeeper(context: BrokerContext): PolicyKeeper {
  let rejected: readonly string[] = [];

  async function accept(policy: Policy, source: string): Promise<void> {
    rejected = [];
    const at = context.clock.now();
    const version = await context.store.transaction(async (transaction) => {
      const current = await currentPolicy(transaction);
      if (current !== null && current.name === policy.name && current.source === source) return null;
      const next = await insertPolicyVersion(transaction, { policy, source, at });
      await raiseFleetRevision(transaction);
      await appendEvent(transaction, {
        at,
        type: 'policy.accepted',
        workloadId: null,
        leaseId: null,
        message: `Policy ${policy.name} version ${next} is in force`,
        data: { policy: policy.name, version: next },
      });
      return next;
    });
    if (version !== null) context.wakePlacing();
  }

  async function reject(errors: readonly string[]): Promise<void> {
    rejected = errors;
    context.logger.warn({ errors }, 'A policy file was refused; the policy in force stays');
    await appendEvent(context.store.database, {
      at: context.clock.now(),
      type: 'policy.rejected',
      workloadId: null,
      leaseId: null,
      message: `The policy files are refused, the policy in force stays: ${errors.join('; ')}`,
      data: { errors },
    });
  }

  return { accept, reject, rejected: () => rejected };
}
