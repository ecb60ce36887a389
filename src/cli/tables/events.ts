import type { EventJson } from '../../api/resources/events.ts';
import type { Style } from '../terminal.ts';
import { clean, moment } from './table.ts';

/** One line an event: a list that grows has no columns to fit. */
export function renderEvent(event: EventJson, style: Style): string {
  return `${style.dim(moment(event.at))}  ${event.type.padEnd(20)}  ${clean(event.message)}\n`;
}
