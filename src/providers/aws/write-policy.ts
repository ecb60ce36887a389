/** Writes `config/permissions/aws-policy.json`: `node src/providers/aws/write-policy.ts`, then `npm run format`. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { policyDocument } from './policy.ts';

const FILE = path.resolve(import.meta.dirname, '../../../config/permissions/aws-policy.json');

await mkdir(path.dirname(FILE), { recursive: true });
await writeFile(FILE, `${JSON.stringify(policyDocument(), null, 2)}\n`);
