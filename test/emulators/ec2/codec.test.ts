import {
  DescribeInstancesRequest$,
  DescribeInstancesResult$,
  DescribeInstanceTypesResult$,
  DescribeSpotPriceHistoryRequest$,
  DescribeSpotPriceHistoryResult$,
  RunInstancesRequest$,
  TerminateInstancesRequest$,
} from '@aws-sdk/client-ec2';
import { QueryShapeSerializer, XmlShapeDeserializer } from '@aws-sdk/core/protocols';
import type { StaticStructureSchema } from '@smithy/types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readQueryInput } from '../../../src/emulators/ec2/query-codec.ts';
import { VendorError } from '../../../src/emulators/ec2/vendor-error.ts';
import { escapeXml, writeXmlError, writeXmlOutput } from '../../../src/emulators/ec2/xml-codec.ts';

const SETTINGS = {
  timestampFormat: { useTrait: true, default: 5 },
  httpBindings: false,
  xmlNamespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
  serviceNamespace: 'com.amazonaws.ec2',
} as const;

/** What the SDK would send. */
function sent(schema: StaticStructureSchema, input: object): URLSearchParams {
  const serializer = new QueryShapeSerializer({
    ...SETTINGS,
    capitalizeKeys: true,
    flattenLists: true,
    serializeEmptyLists: false,
    ec2: true,
  });
  serializer.write(schema, input);
  return new URLSearchParams(`Action=Any&Version=2016-11-15${String(serializer.flush())}`);
}

/** What the SDK would read. */
function received(schema: StaticStructureSchema, xml: string): unknown {
  return new XmlShapeDeserializer(SETTINGS).read(schema, Buffer.from(xml));
}

function refused(schema: StaticStructureSchema, query: string): string {
  try {
    readQueryInput(schema, new URLSearchParams(query));
  } catch (error) {
    if (error instanceof VendorError) return `${error.status} ${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('it was accepted');
}

const tagText = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });

describe('the query codec', () => {
  it('reads back what the SDK writes', () => {
    const input = {
      MinCount: 1,
      MaxCount: 3,
      InstanceType: 'p5.48xlarge',
      ImageId: 'ami-1',
      ClientToken: 'token',
      DryRun: false,
      SecurityGroupIds: ['sg-1', 'sg-2'],
      Placement: { AvailabilityZone: 'us-east-1a' },
      IamInstanceProfile: { Name: 'p' },
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { VolumeSize: 200, DeleteOnTermination: true } }],
      InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: '1.5' } },
      TagSpecifications: [
        { ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b&c=d' }, { Key: 'x' }] },
        { ResourceType: 'volume', Tags: [{ Key: 'x' }] },
      ],
    };
    expect(readQueryInput(RunInstancesRequest$, sent(RunInstancesRequest$, input))).toEqual(input);
  });

  it('reads timestamps, and lists of more than nine in order', () => {
    const input = {
      StartTime: new Date('2026-01-02T03:04:05.000Z'),
      InstanceTypes: Array.from({ length: 12 }, (_, index) => `t${index}`),
    };
    const schema = DescribeSpotPriceHistoryRequest$;
    expect(readQueryInput(schema, sent(schema, input))).toEqual(input);
  });

  it('reads back any tags', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ Key: tagText, Value: tagText }), { minLength: 1, maxLength: 12 }), (Tags) => {
        const input = { MinCount: 1, MaxCount: 1, ClientToken: 't', TagSpecifications: [{ Tags }] };
        expect(readQueryInput(RunInstancesRequest$, sent(RunInstancesRequest$, input))).toEqual(input);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['Filtre.1.Name=x', '400 UnknownParameter: The parameter Filtre is not recognized'],
    ['Filter.1.Nom=x', '400 UnknownParameter: The parameter Filter.1.Nom is not recognized'],
    ['Filter.x.Name=y', '400 UnknownParameter: The parameter Filter.x is not recognized'],
    ['NextToken.1=y', '400 UnknownParameter: The parameter NextToken.1 is not recognized'],
    [
      'MaxResults=many',
      '400 InvalidParameterValue: Value (many) for parameter MaxResults is invalid. Expected a number.',
    ],
    ['MaxResults=5x', '400 InvalidParameterValue: Value (5x) for parameter MaxResults is invalid. Expected a number.'],
    ['DryRun=yes', '400 InvalidParameterValue: Value (yes) for parameter DryRun is invalid. Expected a boolean.'],
  ])('refuses %s', (query, answer) => {
    expect(refused(DescribeInstancesRequest$, query)).toBe(answer);
  });

  it('refuses a bad date', () => {
    expect(refused(DescribeSpotPriceHistoryRequest$, 'StartTime=soon')).toContain('Expected a date');
  });

  it('misses required parameters', () => {
    expect(refused(RunInstancesRequest$, 'MinCount=1')).toBe(
      '400 MissingParameter: The request must contain the parameter MaxCount',
    );
    expect(refused(TerminateInstancesRequest$, '')).toBe(
      '400 MissingParameter: The request must contain the parameter InstanceIds',
    );
  });
});

describe('the XML codec', () => {
  it('writes what the SDK reads', () => {
    const output = {
      Reservations: [
        {
          ReservationId: 'r-1',
          Instances: [
            {
              InstanceId: 'i-1',
              AmiLaunchIndex: 0,
              LaunchTime: new Date('2026-01-02T03:04:05.678Z'),
              State: { Code: 16, Name: 'running' },
              EbsOptimized: true,
              Tags: [
                { Key: 'a', Value: '' },
                { Key: '<&">', Value: 'ü\t' },
              ],
            },
          ],
        },
        { ReservationId: 'r-2', Instances: [] },
      ],
      NextToken: 'next',
    };
    const xml = writeXmlOutput('DescribeInstances', DescribeInstancesResult$, output, 'id');
    expect(xml).toContain('<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">');
    expect(received(DescribeInstancesResult$, xml)).toEqual(output);
  });

  it('writes the spellings that differ from the members’ names', () => {
    const output = {
      InstanceTypes: [{ InstanceType: 'p5.48xlarge', GpuInfo: { Gpus: [{ Name: 'H100', Workloads: ['ml-ai'] }] } }],
    };
    const xml = writeXmlOutput('DescribeInstanceTypes', DescribeInstanceTypesResult$, output, 'id');
    expect(xml).toContain('<instanceTypeSet><item><instanceType>p5.48xlarge</instanceType>');
    expect(xml).toContain('<workloadSet><item>ml-ai</item></workloadSet>');
    expect(received(DescribeInstanceTypesResult$, xml)).toEqual(output);
  });

  it('writes an empty list as a list, so that nobody takes it for missing', () => {
    const xml = writeXmlOutput(
      'DescribeSpotPriceHistory',
      DescribeSpotPriceHistoryResult$,
      { SpotPriceHistory: [], NextToken: '' },
      'id',
    );
    expect(received(DescribeSpotPriceHistoryResult$, xml)).toEqual({ SpotPriceHistory: [], NextToken: '' });
  });

  it('carries any text', () => {
    fc.assert(
      fc.property(tagText, (Value) => {
        const output = { Reservations: [{ Instances: [{ Tags: [{ Key: 'k', Value: `.${Value}.` }] }] }] };
        const xml = writeXmlOutput('DescribeInstances', DescribeInstancesResult$, output, 'id');
        const clean = Value.replace(/\r\n?/g, '\n');
        fc.pre(escapeXml(clean) === escapeXml(Value));
        expect(received(DescribeInstancesResult$, xml)).toEqual(output);
      }),
      { numRuns: 100 },
    );
  });

  it('invents no fields and no types', () => {
    const write = (output: object) => () => writeXmlOutput('DescribeInstances', DescribeInstancesResult$, output, 'id');
    expect(write({ Reservation: [] })).toThrow('DescribeInstances has no member Reservation');
    expect(write({ Reservations: [{ Instances: [{ Zone: 'a' }] }] })).toThrow('has no member Zone');
    expect(write({ Reservations: 'r' })).toThrow('must be a list');
    expect(write({ Reservations: [{ Instances: [{ LaunchTime: 'now' }] }] })).toThrow('must be a Date');
    expect(write({ Reservations: [{ Instances: [{ AmiLaunchIndex: '1' }] }] })).toThrow('wrong kind');
  });

  it('writes errors as EC2 does', () => {
    expect(writeXmlError(new VendorError(400, 'Some.Code', 'a < b'), 'id')).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>Some.Code</Code><Message>a &lt; b</Message></Error></Errors><RequestID>id</RequestID></Response>',
    );
  });
});
