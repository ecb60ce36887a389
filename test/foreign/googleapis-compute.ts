/** As much of npm's `@googleapis/compute` as the test uses: its own types are a million lines, which every type check would read. */
interface Named {
  readonly name?: string;
}

interface Page<Scope> {
  readonly items?: Readonly<Record<string, Scope & { readonly warning?: { readonly code?: string } }>>;
  readonly nextPageToken?: string;
}

type Method<Data> = (parameters: Readonly<Record<string, unknown>>) => Promise<{ readonly data: Data }>;

interface Operation extends Named {
  readonly status?: string;
  readonly operationType?: string;
}

export interface ForeignCompute {
  readonly machineTypes: { aggregatedList: Method<Page<{ readonly machineTypes?: readonly Named[] }>> };
  readonly acceleratorTypes: { aggregatedList: Method<Page<{ readonly acceleratorTypes?: readonly Named[] }>> };
  readonly regions: { get: Method<{ readonly quotas?: readonly { readonly metric?: string }[] }> };
  readonly instances: {
    insert: Method<Operation>;
    delete: Method<Operation>;
    get: Method<{ readonly status?: string }>;
    aggregatedList: Method<Page<{ readonly instances?: readonly Named[] }>>;
  };
  readonly zoneOperations: { wait: Method<Operation> };
  readonly disks: {
    aggregatedList: Method<Page<{ readonly disks?: readonly { readonly users?: readonly string[] }[] }>>;
  };
}

/** The client of the Compute Engine API at this address. Rejects where the package is not installed. */
export async function foreignCompute(rootUrl: string): Promise<ForeignCompute> {
  const name: string = '@googleapis/compute';
  const { compute }: { compute: (options: object) => ForeignCompute } = await import(name);
  return compute({ version: 'v1', rootUrl });
}
