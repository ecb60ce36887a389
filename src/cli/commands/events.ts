import { type Command, Option } from 'commander';
import { pageSchema } from '../../api/resources/common.ts';
import { type EventJson, eventSchema } from '../../api/resources/events.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { type CliOptions, type CommandContext, contextOf, countOption } from '../command-context.ts';
import { eventStreamData } from '../event-stream-data.ts';
import { renderEvent } from '../tables/events.ts';

interface EventOptions {
  readonly workload?: string;
  readonly limit: number;
  readonly follow: boolean;
}

export function addEvents(program: Command, cli: CliOptions): void {
  program
    .command('events')
    .description('show what happened, oldest first')
    .option('--workload <workload>', 'only of this workload (id or name)')
    .addOption(new Option('--limit <count>', 'newest events to show').argParser(countOption).default(50))
    .option('--follow', 'go on showing events as they come', false)
    .action(async ({ workload, limit, follow }: EventOptions, command: Command) => {
      const context = contextOf(command, cli);
      const page = pageSchema(eventSchema, 'EventPage');
      const all = await context.client.list<typeof eventSchema>('v1/events', page, { workload });
      const events = all.slice(-limit);
      if (!follow) {
        context.print({ items: events }, () => events.map((event) => renderEvent(event, cli.terminal.style)).join(''));
        return;
      }
      for (const event of events) writeEvent(context, event);
      await followEvents(context, { workload, cursor: events.at(-1)?.sequence });
    });
}

/** One line an event: JSON for programs, so that a stream can be read line by line. */
function writeEvent({ isJson, terminal }: CommandContext, event: EventJson): void {
  terminal.write(isJson ? `${JSON.stringify(event)}\n` : renderEvent(event, terminal.style));
}

async function followEvents(
  context: CommandContext,
  query: { readonly workload: string | undefined; readonly cursor: number | undefined },
): Promise<void> {
  const { signal } = context.cli;
  try {
    const headers = { accept: 'text/event-stream' };
    const response = await context.client.send('GET', 'v1/events', { query, headers, signal });
    for await (const data of eventStreamData(response.body ?? new ReadableStream())) {
      const event = eventSchema.safeParse(JSON.parse(data));
      if (event.success) writeEvent(context, event.data);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof CliError) throw error;
  }
  throw new CliError(EXIT.unreachable, 'The broker ended the stream of events', 'Run the command again to go on.');
}
