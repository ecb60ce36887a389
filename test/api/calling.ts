/** Requests to a running API, and what they say. */
import { isObject } from './json-schema.ts';
import type { startApi } from './running-api.ts';

export const WORKLOAD = {
  apiVersion: 'gpu-broker/v1',
  kind: 'Workload',
  metadata: { name: 'train', team: 'research' },
  spec: { replicas: 2, accelerators: ['H100:8'], maxPrice: { usdPerHour: 120.5 } },
};
export const SPOT_KEY = 'aws/us-east-1/us-east-1a/p5.48xlarge/spot';
export const AZURE_KEY = 'azure/eastus/*/Standard_ND96isr_H100_v5/on-demand';
export const JSON_TYPE = { 'content-type': 'application/json' };
export const WORKLOAD_YAML = `apiVersion: gpu-broker/v1
kind: Workload
metadata: { name: train, team: research }
spec: { replicas: 2, accelerators: ["H100:8"] }
`;

export type Api = Awaited<ReturnType<typeof startApi>>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

export async function call(
  api: Api,
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
) {
  const response = await fetch(api.url + path, body === undefined ? { method, headers } : { method, headers, body });
  const text = await response.text();
  const json: unknown = text === '' ? {} : JSON.parse(text);
  return { status: response.status, headers: response.headers, json: isObject(json) ? json : {} } satisfies Answer;
}

export function postJson(api: Api, path: string, body: unknown): Promise<Answer> {
  return call(api, 'POST', path, JSON.stringify(body), { 'content-type': 'application/json' });
}

export function postYaml(api: Api, path: string, body: string): Promise<Answer> {
  return call(api, 'POST', path, body, { 'content-type': 'application/yaml' });
}

export const PURCHASES = '/v1/capacity-block-purchases';
export const BLOCKS = 'provider=aws&region=us-east-1&instanceType=p5.48xlarge&durationHours=24';
export const PURCHASE = {
  ...{ provider: 'aws', region: 'us-east-1', instanceType: 'p5.48xlarge', machineCount: 2, durationHours: 24 },
  ...{ blockId: 'cb-1', maxPriceUsd: '1600.00' },
};
export const NOTICE = { kind: 'notice', message: 'Preempt', deadlineAt: '2026-11-01T00:00:30Z' };

export function callBack(api: Api, attempt: string, token: string, notice: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return call(api, 'POST', `/v1/callbacks/${attempt}`, JSON.stringify(notice), headers);
}

export async function documentOf(api: Api): Promise<Record<string, unknown>> {
  return (await call(api, 'GET', '/openapi.json')).json;
}

/** The schema that the OpenAPI document gives for an answer. */
export function answerSchema(document: Record<string, unknown>, method: string, path: string, answer: Answer): unknown {
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
  return [
    'paths',
    path,
    method.toLowerCase(),
    'responses',
    String(answer.status),
    'content',
    type,
    'schema',
  ].reduce<unknown>((part, key) => (isObject(part) ? part[key] : undefined), document);
}
