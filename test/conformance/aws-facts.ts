import type { SubjectFacts } from './subject.ts';

export const AWS: SubjectFacts = {
  cloud: 'aws',
  regions: ['us-east-2', 'eu-west-1'],
  instanceType: 'g5.xlarge',
  otherInstanceType: 'g5.2xlarge',
  launchOperation: 'RunInstances',
  terminateOperation: 'TerminateInstances',
  failedMachinesRemain: false,
  machinesPerPage: 1000,
  options: {},
  priceTolerance: 0,
  sdkUserAgent: /aws-sdk-js/,
};
