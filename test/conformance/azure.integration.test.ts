import { describeProvider } from './provider-suite.ts';

describeProvider(
  {
    cloud: 'azure',
    regions: ['eastus', 'westeurope'],
    instanceType: 'Standard_NC4as_T4_v3',
    otherInstanceType: 'Standard_NC8as_T4_v3',
    launchOperation: 'virtualMachines.createOrUpdate',
    terminateOperation: 'virtualMachines.delete',
    failedMachinesRemain: true,
    machinesPerPage: 50,
    options: {},
    priceTolerance: 0,
    sdkUserAgent: /azsdk-js-arm-compute/,
  },
  [
    {
      title: 'a launch over a quota of the whole account is a refusal that covers every region',
      reason: 'Azure Compute has no quota that spans regions',
    },
    {
      title: 'listOwned names a region that failed, and the others are complete',
      reason: 'ARM lists the machines of all regions in one answer: it fails for all of them or for none',
    },
    {
      title: 'a key whose machine has ended starts no other',
      reason:
        'the key is the machine’s name, and ARM gives a name free with the machine; the broker uses a key for one attempt only',
    },
  ],
);
