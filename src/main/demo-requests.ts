import { renderTable } from '../cli/tables/table.ts';
import type { Style } from '../cli/terminal.ts';
import type { RequestsView } from '../emulators/control/views.ts';

/** What the emulated clouds were asked, by operation, and which client asked: the official SDKs name themselves in `user-agent`. */
export function renderRequests(view: RequestsView, style: Style): string {
  const groups = Map.groupBy(view.requests, ({ cloud, service, operation }) => `${cloud} ${service} ${operation}`);
  const rows = [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, requests]) => {
      const [first] = requests;
      if (first === undefined) return [];
      const agents = new Set(requests.map(({ userAgent }) => clientOf(userAgent)));
      return [
        [
          first.cloud,
          first.service,
          first.operation,
          first.mutating ? 'yes' : '',
          String(requests.length),
          [...agents].join(', '),
        ],
      ];
    });
  const columns = [
    { title: 'CLOUD' },
    { title: 'SERVICE' },
    { title: 'OPERATION' },
    { title: 'CHANGES' },
    { title: 'REQUESTS', align: 'right' },
    { title: 'CLIENT' },
  ] as const;
  return `\n${renderTable(columns, rows, style, 'No requests.')}`;
}

/** The first product of a user-agent: `aws-sdk-js/3.1169.0`. */
function clientOf(userAgent: string): string {
  const product = /(aws-sdk-js|azsdk-js-[a-z-]+|gax|gl-node|gccl|gapic)\/[\w.]+/.exec(userAgent)?.[0];
  return product ?? userAgent.split(' ')[0] ?? '';
}
