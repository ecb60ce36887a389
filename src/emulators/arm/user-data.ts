import type { WorldMachine } from '../world/contract.ts';

/** What the machine boots with, decoded; null when it was given none. The front keeps it as it came: base64. */
export function userDataOf({ details }: WorldMachine): string | null {
  const { userData } = details;
  return typeof userData === 'string' ? Buffer.from(userData, 'base64').toString('utf8') : null;
}
