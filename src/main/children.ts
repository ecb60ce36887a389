import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = path.join(import.meta.dirname, '..', 'main.ts');

/** A process of this program, started by it: the emulated clouds, or a broker that a demo may kill. */
export interface Child {
  readonly process: ChildProcess;
  /** The JSON line with `"ready": true` that the child wrote to its standard output. */
  readonly ready: unknown;
  /** SIGTERM, then SIGKILL when it has not ended after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
  /** SIGKILL: as a crash. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  /** What people call it, for messages: "the emulated clouds". */
  readonly name: string;
  readonly arguments: readonly string[];
  /** Where its log goes. */
  readonly logFile: string;
  readonly readyWithinMs: number;
  /** Told of the process as soon as there is one, long before it is ready. */
  readonly onSpawn?: (child: ChildProcess) => void;
}

/** Starts `gpu-broker <arguments>` and resolves when it reports ready. Throws with the place of its log when it ends or is late. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = createWriteStream(options.logFile, { flags: 'a' });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...options.arguments], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  options.onSpawn?.(child);
  child.stderr?.pipe(log);
  const tail = keepTail(child.stderr);
  const exited = once(child, 'exit');
  try {
    const ready = await Promise.race([
      readyLine(child),
      exited.then(() => Promise.reject(new Error(`${options.name} ended before it was ready:\n${tail.text()}`))),
      late(options),
    ]);
    return {
      process: child,
      ready,
      stop: (graceMs = 5_000) => end(child, exited, graceMs),
      kill: () => end(child, exited, 0),
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** The end of what a child wrote to its standard error, for the message when it fails. */
function keepTail(stream: NodeJS.ReadableStream | null): { text(): string } {
  let kept = '';
  stream?.on('data', (chunk: Buffer) => {
    kept = `${kept}${chunk.toString('utf8')}`.slice(-TAIL_CHARACTERS);
  });
  return { text: () => kept.trim() };
}

const TAIL_CHARACTERS = 2_000;

async function readyLine(child: ChildProcess): Promise<unknown> {
  if (child.stdout === null) throw new Error('The child has no standard output');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{"ready":true')) {
      child.stdout.resume();
      return JSON.parse(line);
    }
  }
  return new Promise(() => {});
}

function late(options: ChildOptions): Promise<never> {
  return new Promise((_, reject) => {
    const seconds = options.readyWithinMs / 1000;
    setTimeout(
      () => reject(new Error(`${options.name} was not ready after ${seconds} s; its log is ${options.logFile}`)),
      options.readyWithinMs,
    ).unref();
  });
}

async function end(child: ChildProcess, exited: Promise<unknown>, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(graceMs === 0 ? 'SIGKILL' : 'SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(timer);
}
