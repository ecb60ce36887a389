import { describeProvider } from './provider-suite.ts';

describeProvider(
  {
    cloud: 'gcp',
    regions: ['us-central1', 'europe-west4'],
    instanceType: 'g2-standard-4',
    otherInstanceType: 'g2-standard-8',
    launchOperation: 'instances.insert',
    terminateOperation: 'instances.delete',
    failedMachinesRemain: false,
    machinesPerPage: 500,
    // Each question is asked anew: the clock stands still, so a cached catalogue would never age.
    options: { project: 'emulated-project', catalogMaxAgeSeconds: 0 },
    // The catalogue prices components; A2 sizes share vCPUs and memory between two GPU models with discounts of their own.
    priceTolerance: 0.02,
    sdkUserAgent: /google-api-nodejs-client/,
  },
  [],
);
