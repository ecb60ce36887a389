import type { InterruptionPage, Provider } from '../../src/providers/provider.ts';

/** An adapter broken in one way, and the sentences that must notice. */
export interface Sabotage {
  readonly what: string;
  readonly breakIt: (provider: Provider) => Partial<Provider>;
  readonly noticedBy: readonly string[];
}

const NOTHING_TOLD: InterruptionPage = { notices: [], cursor: null, error: null };

/** What can be wrong with leftovers, reservations, notices, access and resends. */
export const DEPTH_SABOTAGES: readonly Sabotage[] = [
  {
    what: 'takes a resend for a new launch',
    breakIt: (provider) => ({
      launch: (request, call) =>
        provider.launch(request.resend ? { ...request, idempotencyKey: `${request.idempotencyKey}x` } : request, call),
    }),
    noticedBy: [
      'a key whose machine has ended starts no other',
      'whichever answer of a launch is lost, the key starts exactly the machines asked for, each found and ended by it',
    ],
  },
  {
    what: 'takes a lost answer for "nothing happened" and sends a new key',
    breakIt: (provider) => ({
      async launch(request, call) {
        try {
          return await provider.launch(request, call);
        } catch {
          return provider.launch({ ...request, idempotencyKey: `${request.idempotencyKey}y` }, call);
        }
      },
    }),
    noticedBy: [
      'whichever answer of a launch is lost, the key starts exactly the machines asked for, each found and ended by it',
    ],
  },
  {
    what: 'finds no leftovers',
    breakIt: () => ({
      listLeftovers: async ({ regions }) => ({
        leftovers: [],
        regions: regions.map((region) => ({ region, complete: true, error: null })),
      }),
    }),
    noticedBy: [
      'what a machine left behind is listed with owner, attempt and place, and can be removed, again and again',
      'listLeftovers names a region that is down, and the others are complete',
    ],
  },
  {
    what: 'lists what belongs to everybody',
    breakIt: (provider) => ({
      async listLeftovers(query, call) {
        const own = await provider.listLeftovers(query, call);
        const others = await provider.listLeftovers({ ...query, owner: 'somebody-else' }, call);
        return { ...own, leftovers: [...own.leftovers, ...others.leftovers] };
      },
    }),
    noticedBy: ['what belongs to a machine that lives, or to another owner, is no leftover of ours'],
  },
  {
    what: 'says that leftovers are gone and removes none',
    breakIt: () => ({ removeLeftover: () => Promise.resolve('gone') }),
    noticedBy: [
      'what a machine left behind is listed with owner, attempt and place, and can be removed, again and again',
      'a leftover that a machine uses again is left alone: a conflict',
    ],
  },
  {
    what: 'launches into the open market what was reserved',
    breakIt: (provider) => ({
      launch: (request, call) =>
        provider.launch({ ...request, pool: { ...request.pool, market: 'on-demand', reservation: null } }, call),
    }),
    noticedBy: [
      'a machine launched into a reservation takes from it, and not from the pool, and is known to be in it',
      'a reservation that is full refuses for itself alone',
    ],
  },
  {
    what: 'offers a reservation as if all of it were free',
    breakIt: (provider) => ({
      async listOffers(query, call) {
        const snapshot = await provider.listOffers(query, call);
        const offers = snapshot.offers.map((offer) => ({ ...offer, availableCount: offer.availableCount && 99 }));
        return { ...snapshot, offers };
      },
    }),
    noticedBy: [
      'capacity set aside is offered as a reserved pool with what is free in it',
      'a machine launched into a reservation takes from it, and not from the pool, and is known to be in it',
    ],
  },
  {
    what: 'hears nothing',
    breakIt: () => ({ pollInterruptions: () => Promise.resolve(NOTHING_TOLD) }),
    noticedBy: [
      'the loss of a spot machine is told by polling, or by a script that its machine runs',
      'a poll that fails says so, moves on past nothing, and loses nothing',
    ],
  },
  {
    what: 'acknowledges notices before they are stored',
    breakIt: (provider) => ({
      async pollInterruptions(cursor, call) {
        const page = (await provider.pollInterruptions?.(cursor, call)) ?? NOTHING_TOLD;
        const next = await provider.pollInterruptions?.(page.cursor, call);
        return { ...page, cursor: next?.cursor ?? null };
      },
    }),
    noticedBy: ['a notice comes again until its page was acknowledged, and then no more'],
  },
  {
    what: 'never acknowledges a notice',
    breakIt: (provider) => ({
      pollInterruptions: async (_cursor, call) => (await provider.pollInterruptions?.(null, call)) ?? NOTHING_TOLD,
    }),
    noticedBy: ['a notice comes again until its page was acknowledged, and then no more'],
  },
  {
    what: 'takes a failed poll for silence',
    breakIt: (provider) => ({
      async pollInterruptions(cursor, call) {
        const page = (await provider.pollInterruptions?.(cursor, call)) ?? NOTHING_TOLD;
        return { ...page, error: null };
      },
    }),
    noticedBy: ['a poll that fails says so, moves on past nothing, and loses nothing'],
  },
  {
    what: 'says that every permission is there',
    breakIt: (provider) => ({
      checkAccess: async (call) =>
        (await provider.checkAccess(call)).map((check) => ({ ...check, outcome: 'allowed', message: null })),
    }),
    noticedBy: [
      'checkAccess names exactly the permissions that are missing, in the cloud’s words',
      'checkAccess of a cloud that does not answer is unknown, never missing',
    ],
  },
  {
    what: 'tries a permission by using it',
    breakIt: (provider) => ({
      async checkAccess(call) {
        const { offers } = await provider.listOffers({ regions: ['us-east-2'] }, call);
        const offer = offers.find(({ pool }) => pool.market === 'on-demand');
        if (offer !== undefined) {
          const request = { owner: 'check', idempotencyKey: 'check', resend: false, pool: offer.pool, count: 1 };
          await provider.launch({ ...request, accelerator: offer.accelerator, tags: {}, userData: null }, call);
        }
        return provider.checkAccess(call);
      },
    }),
    noticedBy: ['checkAccess tries every permission and starts nothing'],
  },
  {
    what: 'praises every pool alike',
    breakIt: (provider) => ({
      adviseCapacity: async (query, call) =>
        ((await provider.adviseCapacity?.(query, call)) ?? []).map((advice) => ({ ...advice, obtainability: 0.9 })),
    }),
    noticedBy: ['advice, where the cloud gives any, is about the pools asked and tells plenty from want'],
  },
];
