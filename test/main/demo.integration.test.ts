import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);

/** What the demo printed, with everything that is of the moment taken out: times, ids, durations. */
async function demo(): Promise<string> {
  const { stdout } = await run(process.execPath, ['src/main.ts', 'demo', '--seed', '7', '--show-requests'], {
    timeout: 240_000,
    maxBuffer: 10_000_000,
  });
  return stdout;
}

/** The lines that say what runs where, of both tables. */
function placements(output: string): string[] {
  return output.split('\n').filter((line) => / ready$/.test(line));
}

describe('npm run demo', () => {
  it('runs the whole story, through the official SDKs, and two runs of one seed place everything alike', async () => {
    const [first, second] = await Promise.all([demo(), demo()]);
    expect(first).toContain('Every replica runs, and every machine in the clouds has its lease.');
    expect(first).toMatch(/attempt\.refused: .*InsufficientInstanceCapacity/);
    for (const operation of ['RunInstances', 'virtualMachines.createOrUpdate', 'instances.insert']) {
      expect(first).toMatch(new RegExp(`${operation} +yes +\\d+ +(aws-sdk-js|azsdk-js|google-api-nodejs-client)`));
    }
    expect(placements(first).length).toBeGreaterThan(10);
    expect(placements(second)).toEqual(placements(first));
  }, 300_000);
});
