import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export const WORKLOAD = `apiVersion: gpu-broker/v1
kind: Workload
metadata: { name: train, team: research }
spec: { replicas: 2, accelerators: ["H100:8"] }
`;

/** A file with one workload for each test of a test file, alone in its directory. */
export function workloadFile(): { readonly directory: string; readonly file: string } {
  const temporary = temporaryDirectory();
  const at = {
    get directory() {
      return temporary.directory;
    },
    get file() {
      return path.join(temporary.directory, 'train.yaml');
    },
  };
  beforeEach(() => writeFile(at.file, WORKLOAD));
  return at;
}
