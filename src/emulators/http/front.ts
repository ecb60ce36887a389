import type { VendorErrorFact } from '../world/contract.ts';
import type { CloudId } from '../world/market-facts.ts';

/** A request as a front sees it: read whole, headers lower-case. */
export interface FrontRequest {
  readonly method: string;
  /** Path and query on a dummy origin. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface FrontResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Faults that the shell can ask a front to answer with, in its cloud's own words. */
export type FaultAnswer = 'throttle' | 'unavailable' | 'unauthorized' | 'internal-error';

/** What a request asks for: for the request log, the faults' patterns and the people who read `--show-requests`. */
export interface RequestLabel {
  /** The cloud's own name: `RunInstances`, `virtualMachines.createOrUpdate`, `instances.insert`. */
  readonly operation: string;
  readonly region: string | null;
  /** Whether it changes anything. */
  readonly mutating: boolean;
  /** Which of the cloud's rate-limit buckets it draws from (`RunInstances`, `read-requests`); missing = the operation's own. */
  readonly bucket?: string;
}

/** One wire protocol. `http/server.ts` gives it sockets, a request log, faults and latency. */
export interface Front {
  readonly cloud: CloudId;
  /** The endpoint's name: `ec2`, `resource-manager`, `compute` … (docs/emulated-clouds.md lists them). */
  readonly service: string;
  /** True where clients insist on TLS (Azure). */
  readonly tls: boolean;
  label(request: FrontRequest): RequestLabel;
  /** `forcedFailure`: a launch is to be accepted and to fail later with this; given only for an asynchronous `vendor-error` fault. */
  handle(request: FrontRequest, forcedFailure?: VendorErrorFact | null): Promise<FrontResponse> | FrontResponse;
  faultResponse(answer: FaultAnswer, request: FrontRequest): FrontResponse;
  /** The error in the envelope that this protocol wraps errors in. */
  vendorErrorResponse(error: VendorErrorFact, request: FrontRequest): FrontResponse;
}

/** Each front's `index.ts` exports `createFronts(world): readonly Front[]`, one Front per service of its cloud. */
