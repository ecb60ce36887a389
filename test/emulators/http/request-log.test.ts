import { describe, expect, it } from 'vitest';
import { createRequestLog } from '../../../src/emulators/http/request-log.ts';
import type { LoggedRequest } from '../../../src/emulators/world/control-contract.ts';

function logged(at: number): LoggedRequest {
  return {
    at,
    cloud: 'aws',
    service: 'ec2',
    operation: 'X',
    region: null,
    mutating: false,
    status: 200,
    userAgent: '',
    fault: null,
  };
}

describe('request log', () => {
  it('keeps the newest, and reads on from where a reader stopped', () => {
    const log = createRequestLog(10);
    expect(log.since(0)).toEqual({ requests: [], next: 0 });
    for (let at = 1; at <= 8; at += 1) log.add(logged(at));
    const first = log.since(5);
    expect(first.requests.map(({ at }) => at)).toEqual([6, 7, 8]);
    for (let at = 9; at <= 25; at += 1) log.add(logged(at));
    expect(log.all().map(({ at }) => at)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
    expect(log.since(20).requests.map(({ at }) => at)).toEqual([21, 22, 23, 24, 25]);
    expect(log.since(first.next).requests).toHaveLength(10);
    expect(log.since(25)).toEqual({ requests: [], next: 25 });
  });
});
