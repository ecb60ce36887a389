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
  [],
);
