import { enableCompileCache } from 'node:module';

// Before anything large is loaded: the next start takes a fifth less time.
enableCompileCache();
const { run } = await import('./main/run.ts');
await run();
