import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** A directory for each test of a file, gone after it. */
export function temporaryDirectory(): { readonly directory: string } {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'gpu-broker-test-'));
  });
  afterEach(() => rm(directory, { recursive: true }));
  return {
    get directory() {
      return directory;
    },
  };
}
