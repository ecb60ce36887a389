import { timingSafeEqual } from 'node:crypto';
import { findCallbackTarget, hashToken } from '../store/attempts.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import { getLease } from '../store/leases.ts';
import type { BrokerContext } from './context.ts';
import type { MachineNotice } from './execution-service.ts';
import { hear } from './interruptions.ts';
import { ServiceError } from './service.ts';

/** Where a machine of this attempt calls back; null = it cannot. */
export function callbackUrlOf(context: BrokerContext, attemptId: string): string | null {
  const base = context.callbackUrl();
  return base === null ? null : `${base.replace(/\/+$/, '')}/v1/callbacks/${attemptId}`;
}

/**
 * A machine tells about itself. It proves itself by the token of its attempt, so it can speak of no other machine. The same word
 * again changes nothing; `isNew` says whether it did. Throws `callback-not-found` (no such attempt, or one without a token: the answer does
 * not tell which) and `callback-refused`.
 */
export async function hearCallback(
  context: BrokerContext,
  attemptId: string,
  token: string | null,
  notice: MachineNotice,
): Promise<{ readonly isNew: boolean }> {
  const refused = new ServiceError('callback-refused', 'Send the token that this machine was started with, as bearer');
  if (token === null) throw refused;
  const target = await findCallbackTarget(context.store.database, attemptId);
  if (target === null) throw new ServiceError('callback-not-found', 'No machine that may call back has this address');
  if (!isSame(hashToken(token), target.tokenHash)) throw refused;
  const at = context.clock.now();
  const result = await context.store.transaction(async (transaction) => {
    const lease = await getLease(transaction, target.leaseId);
    const provider = lease === null ? undefined : context.providers.get(lease.pool.provider);
    if (lease === null || provider === undefined || lease.attemptId !== attemptId) {
      return { isNew: false, replan: false };
    }
    const heard = await hear(transaction, provider, lease, { ...notice, source: 'machine', noticedAt: at }, at);
    if (heard.replan) await raiseFleetRevision(transaction);
    return heard;
  });
  if (result.isNew) context.wakeLeases();
  if (result.replan) context.wakePlacing();
  return { isNew: result.isNew };
}

function isSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
