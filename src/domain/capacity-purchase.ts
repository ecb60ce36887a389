/**
 * A person's request to buy a capacity block. `unknown`: it was sent, and nobody can say yet whether it was bought.
 * `refused`: the block was not for sale any more, or not at that price, so nothing was sent. `not-bought`: it was sent, and the cloud, or
 * an operator who looked, says that nothing was bought.
 */
export const PURCHASE_STATES = [
  'awaiting-approval',
  'approved',
  'sending',
  'unknown',
  'bought',
  'not-bought',
  'rejected',
  'refused',
] as const;
export type PurchaseState = (typeof PURCHASE_STATES)[number];

/** The only moves a purchase may make: money is spent at most once, since nothing leads back to before `sending`. */
export const PURCHASE_TRANSITIONS: Readonly<Record<PurchaseState, readonly PurchaseState[]>> = {
  'awaiting-approval': ['approved', 'rejected'],
  approved: ['sending', 'refused', 'rejected'],
  sending: ['bought', 'not-bought', 'unknown'],
  unknown: ['bought', 'not-bought'],
  bought: [],
  'not-bought': [],
  rejected: [],
  refused: [],
};

export function mayPurchaseMove(from: PurchaseState, to: PurchaseState): boolean {
  return PURCHASE_TRANSITIONS[from].includes(to);
}
