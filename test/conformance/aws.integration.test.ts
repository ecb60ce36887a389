import { AWS } from './aws-facts.ts';
import { describeProvider } from './provider-suite.ts';

describeProvider(AWS, []);
