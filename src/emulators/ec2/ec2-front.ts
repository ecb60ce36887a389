import type { FaultAnswer, Front, FrontRequest, FrontResponse, RequestLabel } from '../http/front.ts';
import type { VendorErrorFact, World } from '../world/contract.ts';
import type { Action } from './actions/action.ts';
import { describeAddresses, releaseAddress } from './actions/addresses.ts';
import { describeCapacityBlockOfferings, purchaseCapacityBlock } from './actions/capacity-blocks.ts';
import { describeCapacityReservations } from './actions/capacity-reservations.ts';
import { describeInstanceTypeOfferings, describeInstanceTypes } from './actions/instance-types.ts';
import { describeInstances, terminateInstances } from './actions/instances.ts';
import { deleteNetworkInterface, describeNetworkInterfaces } from './actions/network-interfaces.ts';
import { getSpotPlacementScores } from './actions/placement-scores.ts';
import { describeAvailabilityZones, describeRegions } from './actions/regions.ts';
import { runInstances } from './actions/run-instances.ts';
import { describeSpotPriceHistory } from './actions/spot-prices.ts';
import { createTags } from './actions/tags.ts';
import { deleteVolume, describeVolumes } from './actions/volumes.ts';
import { checkScope, credentialScope, ec2ScopeError } from './authorization.ts';
import { OWNER_ID } from './instance-shape.ts';
import { requestIds } from './request-ids.ts';
import { badRequest, VendorError } from './vendor-error.ts';
import { writeXmlError } from './xml-codec.ts';

const ACTIONS: ReadonlyMap<string, Action> = new Map(
  [
    describeRegions,
    describeAvailabilityZones,
    describeInstanceTypes,
    describeInstanceTypeOfferings,
    describeSpotPriceHistory,
    describeInstances,
    runInstances,
    terminateInstances,
    createTags,
    describeVolumes,
    deleteVolume,
    describeNetworkInterfaces,
    deleteNetworkInterface,
    describeAddresses,
    releaseAddress,
    describeCapacityReservations,
    describeCapacityBlockOfferings,
    purchaseCapacityBlock,
    getSpotPlacementScores,
  ].map((action) => [action.name, action]),
);

const FAULTS: Readonly<Record<FaultAnswer, VendorError>> = {
  throttle: new VendorError(503, 'RequestLimitExceeded', 'Request limit exceeded.'),
  unavailable: new VendorError(503, 'ServiceUnavailable', 'The service is unavailable. Please try again shortly.'),
  unauthorized: new VendorError(401, 'AuthFailure', 'AWS was not able to validate the provided access credentials'),
  'internal-error': new VendorError(500, 'InternalError', 'An internal error has occurred'),
};

/** The EC2 API: Query protocol, version 2016-11-15. */
export function createEc2Front(world: World): Front {
  const nextRequestId = requestIds(world, 'ec2');

  function answer(request: FrontRequest, requestId: string): string {
    const scope = checkScope(request, 'ec2', (region) => world.region('aws', region) !== null);
    if (!scope.ok) throw ec2ScopeError(scope.reason);
    const region = world.region('aws', scope.region);
    if (region === null) throw ec2ScopeError('region');
    const parameters = parametersOf(request);
    const name = parameters.get('Action') ?? '';
    const action = ACTIONS.get(name);
    if (action === undefined)
      throw badRequest('InvalidAction', `The action ${name} is not valid for this web service.`);
    const denied = permissionsFor(name, parameters).find((permission) => world.isDenied('aws', permission));
    if (denied !== undefined) {
      throw new VendorError(
        403,
        'UnauthorizedOperation',
        `You are not authorized to perform this operation. User: arn:aws:iam::${OWNER_ID}:user/emulated is not authorized to perform: ` +
          `${denied} because no identity-based policy allows the ${denied} action.`,
      );
    }
    return action.run({ world, region }, parameters, requestId);
  }

  function vendorErrorResponse({ status, code, message }: VendorErrorFact): FrontResponse {
    const requestId = nextRequestId();
    return respond(status, writeXmlError(new VendorError(status, code, message), requestId), requestId);
  }

  return {
    cloud: 'aws',
    service: 'ec2',
    tls: false,
    label(request): RequestLabel {
      const operation = parametersOf(request).get('Action') ?? '';
      return {
        operation,
        region: credentialScope(request)?.region ?? null,
        mutating: ACTIONS.get(operation)?.mutating ?? false,
      };
    },
    handle(request, forcedFailure): FrontResponse {
      // EC2 refuses at once or not at all: what is to fail later elsewhere fails now.
      if (forcedFailure) return vendorErrorResponse(forcedFailure);
      const requestId = nextRequestId();
      try {
        return respond(200, answer(request, requestId), requestId);
      } catch (error) {
        if (error instanceof VendorError) return respond(error.status, writeXmlError(error, requestId), requestId);
        throw error;
      }
    },
    faultResponse(fault): FrontResponse {
      const requestId = nextRequestId();
      return respond(FAULTS[fault].status, writeXmlError(FAULTS[fault], requestId), requestId);
    },
    vendorErrorResponse,
  };
}

/** What the identity must be allowed (IAM's names): tags, the image's parameter and the profile are asked for besides the action itself. */
function permissionsFor(action: string, parameters: URLSearchParams): readonly string[] {
  const names = [...parameters.keys()];
  return [
    // The image must be known before anything can be said about it.
    ...((parameters.get('ImageId') ?? '').startsWith('resolve:ssm:') ? ['ssm:GetParameters'] : []),
    `ec2:${action}`,
    ...(names.some((name) => name.startsWith('TagSpecification.')) ? ['ec2:CreateTags'] : []),
    ...(names.some((name) => name.startsWith('IamInstanceProfile.')) ? ['iam:PassRole'] : []),
  ];
}

/** The Query protocol allows GET with a query string as well as a POSTed form. */
function parametersOf(request: FrontRequest): URLSearchParams {
  return request.method === 'GET' ? request.url.searchParams : new URLSearchParams(request.body.toString('utf8'));
}

function respond(status: number, body: string, requestId: string): FrontResponse {
  return {
    status,
    headers: { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId },
    body,
  };
}
