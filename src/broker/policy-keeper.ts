import type { EpochMs } from '../domain/time.ts';
import { appendEvent, appendEvents, type NewEvent } from '../store/events.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import { type PolicyChanges, replacePolicies, type SourcedPolicy } from '../store/policies.ts';
import type { BrokerContext } from './context.ts';

/** Keeps the policies in force, versioned in the store. Refused files change nothing but what is told about them. */
export interface PolicyKeeper {
  /** Puts exactly these in force; a new version only of those whose text changed. */
  accept(policies: readonly SourcedPolicy[]): Promise<void>;
  /** Remembers the errors of newer files; the policies in force stay. */
  reject(errors: readonly string[]): Promise<void>;
  /** Errors of the newest files; empty when they are in force. */
  rejected(): readonly string[];
}

export function createPolicyKeeper(context: BrokerContext): PolicyKeeper {
  let rejected: readonly string[] = [];
  let last: string | null = null;

  async function accept(policies: readonly SourcedPolicy[]): Promise<void> {
    rejected = [];
    // Of several brokers the one whose files changed last decides; one that reads again what it has said before has nothing to say.
    const said = JSON.stringify(policies.map(({ policy, source }) => [policy.name, source]));
    if (said === last) return;
    const at = context.clock.now();
    const isChanged = await context.store.transaction(async (transaction) => {
      const events = eventsOf(await replacePolicies(transaction, policies, at), at);
      if (events.length === 0) return false;
      await raiseFleetRevision(transaction);
      await appendEvents(transaction, events);
      return true;
    });
    last = said;
    if (isChanged) context.wakePlacing();
  }

  async function reject(errors: readonly string[]): Promise<void> {
    rejected = errors;
    context.logger.warn({ errors }, 'A policy file was refused; the policies in force stay');
    await appendEvent(context.store.database, {
      at: context.clock.now(),
      type: 'policy.rejected',
      workloadId: null,
      leaseId: null,
      message: `The policy files are refused, the policies in force stay: ${errors.join('; ')}`,
      data: { errors },
    });
  }

  return { accept, reject, rejected: () => rejected };
}

function eventsOf({ accepted, withdrawn }: PolicyChanges, at: EpochMs): NewEvent[] {
  const nobody = { at, workloadId: null, leaseId: null };
  return [
    ...accepted.map(({ name, version }) => ({
      ...{ ...nobody, type: 'policy.accepted', data: { policy: name, version } },
      message: `Policy ${name} version ${version} is in force`,
    })),
    ...withdrawn.map(({ name, version }) => ({
      ...{ ...nobody, type: 'policy.withdrawn', data: { policy: name, version } },
      message: `Policy ${name} is no longer in force: its file is gone`,
    })),
  ];
}
