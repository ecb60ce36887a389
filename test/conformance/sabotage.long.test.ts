import { describe, expect, it } from 'vitest';
import type { InstanceRef, LaunchRequest, Provider } from '../../src/providers/provider.ts';
import { ProviderError } from '../../src/providers/provider.ts';
import { accessSentences } from './access-sentences.ts';
import { AWS } from './aws-facts.ts';
import { DEPTH_SABOTAGES, type Sabotage } from './depth-sabotages.ts';
import { errorSentences } from './error-sentences.ts';
import { instanceSentences } from './instance-sentences.ts';
import { launchSentences } from './launch-sentences.ts';
import { leftoverSentences } from './leftover-sentences.ts';
import { listingSentences } from './listing-sentences.ts';
import { noticeSentences } from './notice-sentences.ts';
import { refusalSentences } from './refusal-sentences.ts';
import { reservedSentences } from './reserved-sentences.ts';
import type { Sentence } from './sentence.ts';
import { stepSentences } from './step-sentences.ts';
import { stormSentences } from './storm-sentences.ts';
import { createSubject, type Subject } from './subject.ts';

const SENTENCES: readonly Sentence[] = [
  ...listingSentences,
  ...launchSentences,
  ...refusalSentences,
  ...errorSentences,
  ...instanceSentences,
  ...stormSentences,
  ...stepSentences,
  ...leftoverSentences,
  ...reservedSentences,
  ...noticeSentences,
  ...accessSentences,
];

function keyed(request: LaunchRequest, suffix: string): LaunchRequest {
  return { ...request, idempotencyKey: `${request.idempotencyKey.slice(0, 30)}${suffix}` };
}

let salt = 0;

const SABOTAGES: readonly Sabotage[] = [
  ...DEPTH_SABOTAGES,
  {
    what: 'forgets the key: every launch is a new one',
    breakIt: (provider) => ({
      launch: (request, call) => {
        salt += 1;
        return provider.launch(keyed(request, `x${salt}`), call);
      },
    }),
    noticedBy: [
      'the same key with the same request starts the machines once',
      'the same key sent a hundred times at once starts one machine',
      'the same key from a fresh adapter starts no second machine',
      'the same key with another instance type is a conflict, and starts nothing',
      'a machine whose launch was never answered is found by its key alone',
      'a launch repeated with its key through any storm starts exactly the machines asked for',
    ],
  },
  {
    what: 'sends every launch twice',
    breakIt: (provider) => ({
      async launch(request, call) {
        await provider.launch(keyed(request, 'x'), call);
        return provider.launch(request, call);
      },
    }),
    noticedBy: ['starts as many machines as asked, each with an index of its own'],
  },
  {
    what: 'repeats a launch that failed',
    breakIt: (provider) => ({
      launch: (request, call) => provider.launch(request, call).catch(() => provider.launch(request, call)),
    }),
    noticedBy: [
      'a launch that meets "throttle" is sent once and says rate-limited; the same key then starts the one machine',
      'a launch that meets "lost-reply" is sent once and says outcome-unknown; the same key then starts the one machine',
    ],
  },
  {
    what: 'takes a lost reply for "nothing happened"',
    breakIt: (provider) => ({
      async launch(request, call) {
        try {
          return await provider.launch(request, call);
        } catch (error) {
          if (!(error instanceof ProviderError)) throw error;
          const { operation, code, message } = error;
          throw new ProviderError({ kind: 'unavailable', provider: provider.id, operation, code, message });
        }
      },
    }),
    noticedBy: [
      'a launch that meets "lost-reply" is sent once and says outcome-unknown; the same key then starts the one machine',
    ],
  },
  {
    what: 'leaves sold-out pools, and every second one, out of the listing',
    breakIt: (provider) => ({
      async listOffers(query, call) {
        const snapshot = await provider.listOffers(query, call);
        return { ...snapshot, offers: snapshot.offers.filter((_, index) => index % 2 === 0) };
      },
    }),
    noticedBy: ['lists every GPU pool of the regions asked, at the price in force'],
  },
  {
    what: 'makes failed regions look complete and empty',
    breakIt: (provider) => ({
      async listOwned(query, call) {
        const snapshot = await provider.listOwned(query, call);
        return { ...snapshot, regions: query.regions.map((region) => ({ region, complete: true, error: null })) };
      },
    }),
    noticedBy: [
      'listOwned names a region that is down, and the others are complete',
      'a listing that meets "throttle" is a failure of every region, never an empty list',
      'listOwned calls a region complete only with everything in it, whichever request fails',
    ],
  },
  {
    what: 'blocks the whole provider for one sold-out pool, and one pool for a quota',
    breakIt: (provider) => ({
      async launch(request, call) {
        const { instances, refusals } = await provider.launch(request, call);
        return {
          instances,
          refusals: refusals.map(({ count, refusal }) => {
            const scope = refusal.kind === 'quota' ? request.pool : null;
            const { region = null, zone = null, instanceType = null, market = null } = scope ?? {};
            const wrong = { provider: provider.id, region, zone, instanceType, market, quota: null };
            return { count, refusal: { ...refusal, scope: wrong } };
          }),
        };
      },
    }),
    noticedBy: [
      'a sold-out pool (on-demand) is a refusal for want of capacity, which covers that pool and no other region',
      'a launch over a quota (spot) is a refusal that covers every pool under that quota, and no other region',
    ],
  },
  {
    what: 'remembers its machines instead of asking the cloud',
    breakIt: (provider) => {
      const mine = new Set<string>();
      const knows = (ref: InstanceRef): boolean => mine.has(ref.idempotencyKey);
      return {
        async launch(request, call) {
          mine.add(request.idempotencyKey);
          return provider.launch(request, call);
        },
        getInstance: async (ref, call) => (knows(ref) ? provider.getInstance(ref, call) : null),
        terminate: async (ref, call) => (knows(ref) ? provider.terminate(ref, call) : 'gone'),
      };
    },
    noticedBy: ['a restart loses nothing: a fresh adapter knows what was written down as JSON'],
  },
  {
    what: 'says gone before the cloud does, without asking it',
    breakIt: () => ({ terminate: async () => 'gone' }),
    noticedBy: [
      'terminate answers terminating, then gone, and again gone',
      'terminate works by key alone',
      'terminate ends a machine that is still starting',
      'terminate of one machine leaves the others of its key alone',
      'a terminate repeated through any storm ends the machine, and says gone only then',
    ],
  },
  {
    what: 'terminates all machines of a key',
    breakIt: (provider) => ({
      async terminate(ref, call) {
        for (const index of [0, 1, 2]) await provider.terminate({ ...ref, index, instanceId: null }, call);
        return provider.terminate(ref, call);
      },
    }),
    noticedBy: ['terminate of one machine leaves the others of its key alone'],
  },
  {
    what: 'does not listen to the signal',
    breakIt: (provider) => {
      const deaf = { signal: new AbortController().signal };
      return {
        getInstance: (ref) => Promise.race([provider.getInstance(ref, deaf), afterMs(4_000)]),
        launch: (request) => provider.launch(request, deaf),
      };
    },
    noticedBy: [
      'getInstance ends soon after its signal aborts, with the signal’s reason',
      'a call whose signal has aborted already changes nothing',
    ],
  },
  {
    what: 'drops tags and line ends of user data',
    breakIt: (provider) => ({
      launch: ({ userData, ...request }, call) =>
        provider.launch({ ...request, userData: userData?.trim() ?? null, tags: {} }, call),
    }),
    noticedBy: [
      'user data arrives at the machine unchanged',
      'owner, attempt and tags are written on the machine at the cloud',
    ],
  },
  {
    what: 'buys on demand what was asked for on spot',
    breakIt: (provider) => ({
      launch: (request, call) => provider.launch({ ...request, pool: { ...request.pool, market: 'on-demand' } }, call),
    }),
    noticedBy: ['a spot launch is spot at the cloud'],
  },
  {
    what: 'takes unknown usage for zero',
    breakIt: (provider) => ({
      async listQuotas(query, call) {
        const snapshot = await provider.listQuotas(query, call);
        return { ...snapshot, quotas: snapshot.quotas.map((quota) => ({ ...quota, usage: 0 })) };
      },
    }),
    noticedBy: [
      'listQuotas tells limit and usage as the cloud has them; unknown is null, not zero',
      'usage grows by what the offer claims when a machine starts',
    ],
  },
  {
    what: 'keeps its sockets open',
    breakIt: () => ({ close: () => Promise.resolve() }),
    noticedBy: ['close releases the sockets'],
  },
  {
    what: 'asks a third party',
    breakIt: (provider) => ({
      async listQuotas(query, call) {
        await fetch('http://127.0.0.1:65533/').catch(() => null);
        return provider.listQuotas(query, call);
      },
    }),
    noticedBy: ['talks to nobody but the endpoints it was given'],
  },
  {
    what: 'puts the request into the error',
    breakIt: (provider) => ({
      async launch(request, call) {
        try {
          return await provider.launch(request, call);
        } catch (error) {
          if (!(error instanceof ProviderError)) throw error;
          const { kind, operation, code } = error;
          throw new ProviderError({ kind, provider: provider.id, operation, code, message: JSON.stringify(request) });
        }
      },
    }),
    noticedBy: ['no secret appears in an error'],
  },
];

function afterMs(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('too slow')), ms);
  });
}

async function checkBroken(title: string, breakIt: Sabotage['breakIt']): Promise<void> {
  const sentence = SENTENCES.find((candidate) => candidate.title === title);
  if (sentence === undefined) throw new Error(`no sentence is called "${title}"`);
  const subject = await createSubject(AWS);
  try {
    await sentence.check(broken(subject, breakIt));
  } finally {
    await subject.close();
  }
}

/** The adapter that is broken can be polled. */
function askedOf(provider: Provider): Required<Pick<Provider, 'pollInterruptions'>> {
  const { pollInterruptions } = provider;
  if (pollInterruptions === undefined) throw new Error('this adapter cannot be polled');
  return { pollInterruptions };
}

function broken(subject: Subject, breakIt: Sabotage['breakIt']): Subject {
  const breakProvider = (provider: Provider): Provider => ({
    contract: provider.contract,
    id: provider.id,
    capabilities: provider.capabilities,
    listOffers: (query, call) => provider.listOffers(query, call),
    listQuotas: (query, call) => provider.listQuotas(query, call),
    launch: (request, call) => provider.launch(request, call),
    getInstance: (ref, call) => provider.getInstance(ref, call),
    listOwned: (query, call) => provider.listOwned(query, call),
    terminate: (ref, call) => provider.terminate(ref, call),
    listLeftovers: (query, call) => provider.listLeftovers(query, call),
    removeLeftover: (leftover, call) => provider.removeLeftover(leftover, call),
    checkAccess: (call) => provider.checkAccess(call),
    adviseCapacity: (query, call) => provider.adviseCapacity?.(query, call) ?? Promise.resolve([]),
    pollInterruptions: (cursor, call) => askedOf(provider).pollInterruptions(cursor, call),
    close: () => provider.close(),
    ...breakIt(provider),
  });
  return {
    ...subject,
    provider: breakProvider(subject.provider),
    createAnother: async () => breakProvider(await subject.createAnother()),
  };
}

describe('the sentences of the provider contract can fail', () => {
  const titles = [...new Set(SABOTAGES.flatMap(({ noticedBy }) => noticedBy))];
  it.each(titles)('an adapter that is wrapped but not broken passes: %s', async (title) => {
    await checkBroken(title, () => ({}));
  });

  for (const sabotage of SABOTAGES) {
    it.each(sabotage.noticedBy)(`an adapter that ${sabotage.what} is noticed by: %s`, async (title) => {
      await expect(checkBroken(title, sabotage.breakIt)).rejects.toThrow();
    });
  }
});
