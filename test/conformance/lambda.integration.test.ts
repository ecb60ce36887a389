import { describeProvider, type Exemption } from './provider-suite.ts';

function because(reason: string, ...titles: readonly string[]): readonly Exemption[] {
  return titles.map((title) => ({ title, reason }));
}

describeProvider(
  {
    cloud: 'lambda',
    regions: ['us-east-1', 'europe-central-1'],
    instanceType: 'gpu_1x_a10',
    otherInstanceType: 'gpu_1x_a100',
    launchOperation: 'launchInstance',
    terminateOperation: 'terminateInstance',
    failedMachinesRemain: false,
    // The list is not paged: any number of machines comes in one answer.
    machinesPerPage: 10,
    // Each question is asked anew: the clock stands still, so what is kept would never age.
    options: { sshKeyName: 'gpu-broker', catalogMaxAgeSeconds: 0 },
    priceTolerance: 0,
    sdkUserAgent: /^gpu-broker$/,
  },
  [
    ...because(
      'Lambda sells no spot: one price for each type, which its list names',
      'prices follow the market as hours pass',
      'a spot launch is spot at the cloud',
      'a sold-out pool (spot) is a refusal for want of capacity, which covers that pool and no other region',
      'a launch over a quota (spot) is a refusal that covers every pool under that quota, and no other region',
      'an interrupted spot machine ends',
      'the loss of a spot machine is told by polling, or by a script that its machine runs',
      'a notice comes again until its page was acknowledged, and then no more',
      'a poll that fails says so, moves on past nothing, and loses nothing',
    ),
    ...because(
      'its API sells and lists no reservations',
      'capacity set aside is offered as a reserved pool with what is free in it',
      'a machine launched into a reservation takes from it, and not from the pool, and is known to be in it',
      'a reservation that is full refuses for itself alone',
    ),
    ...because(
      'a machine has no disk, interface or address that could outlive it',
      'what a machine left behind is listed with owner, attempt and place, and can be removed, again and again',
      'what belongs to a machine that lives, or to another owner, is no leftover of ours',
      'a leftover that a machine uses again is left alone: a conflict',
    ),
    ...because(
      'one endpoint answers for all regions, from the account’s own records: a region that is down is missing from none of them',
      'listOffers names a region that is down, and the others are complete',
      'listQuotas names a region that is down, and the others are complete',
      'listOwned names a region that is down, and the others are complete',
      'listLeftovers names a region that is down, and the others are complete',
    ),
    ...because(
      'its one quota, on instances, is of the whole account, and the API does not tell the limit',
      'listQuotas tells limit and usage as the cloud has them; unknown is null, not zero',
      'a launch over a quota (on-demand) is a refusal that covers every pool under that quota, and no other region',
    ),
    ...because(
      'it lists running instances only: once a machine has ended, nothing in the API carries its key any more',
      'a key whose machine has ended starts no other',
    ),
    ...because(
      'its tag keys have 55 characters at most: longer ones are written as values, and read back',
      'tags of any allowed length are written and read back',
    ),
  ],
);
