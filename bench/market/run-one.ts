import { text } from 'node:stream/consumers';
import { measureRefresh } from './measure.ts';

/** One run in a process of its own: options as JSON on standard input, figures as JSON on standard output. */
const figures = await measureRefresh(JSON.parse(await text(process.stdin)));
process.stdout.write(`${JSON.stringify(figures)}\n`);
