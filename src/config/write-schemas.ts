import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { jsonSchemaFiles } from './json-schemas.ts';

/** `npm run schemas`: writes `config/schema/*.json` anew from the schemas that validate. */
const directory = path.resolve(import.meta.dirname, '../../config/schema');
await mkdir(directory, { recursive: true });
for (const [name, text] of jsonSchemaFiles()) await writeFile(path.join(directory, name), text);
