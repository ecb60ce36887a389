import { AWS } from './aws-facts.ts';
import { describeProvider } from './provider-suite.ts';

describeProvider(AWS, [
  {
    title: 'a launch over a quota of the whole account is a refusal that covers every region',
    reason: 'EC2 has no quota that spans regions',
  },
]);
