/**
 * What a test does to the cluster behind the portal's back: gives it an account, and looks at what is there.
 * `HEDDLE_TEST_KUBERNETES` names the cluster by a kubeconfig of its admin; `kubectl` is in the path.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Whether there is a cluster at all. */
export const hasCluster = (process.env.HEDDLE_TEST_KUBERNETES ?? '') !== '';

/** What a test of a cluster goes through. */
export const STAGES = [
  'Address',
  'TCP connection',
  'TLS',
  'Authentication',
  'API version',
  'Engine facts',
  'Permissions',
  'Storage',
  'Machines',
] as const;

/** What tests read of a cluster's objects. */
interface Thing {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: {
    readonly claimRef?: { readonly namespace: string };
    readonly persistentVolumeReclaimPolicy?: string;
  };
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly phase?: string;
  };
}

/** The namespace of a chain, and the portal whose it is. */
export interface Space {
  readonly name: string;
  readonly installation: string;
}

/** The admin's kubeconfig, as somebody pastes it. */
export function kubeconfig(): Promise<string> {
  return readFile(file(), 'utf8');
}

/** Where the API server is and who signed its certificate, as the kubeconfig says. */
export async function server(): Promise<{ address: string; ca: string }> {
  const text = await kubeconfig();
  const value = (key: string): string => new RegExp(`^\\s*${key}:\\s*(\\S+)$`, 'm').exec(text)?.[1] ?? '';
  const ca = Buffer.from(value('certificate-authority-data'), 'base64').toString();
  return { address: value('server'), ca };
}

/** The address of a machine, at which services publish their ports. */
export async function machine(): Promise<string> {
  const [first] = await things('get', 'nodes');
  return first?.status?.addresses?.find((one) => one.type === 'InternalIP')?.address ?? '';
}

/** Makes what a manifest says, and gives a kubeconfig of the account in it. */
export async function account(manifest: string): Promise<string> {
  await kubectl(['apply', '--filename', '-'], manifest);
  const namespace = /^\s*namespace: (\S+)$/m.exec(manifest)?.[1] ?? '';
  const token = await kubectl(['create', 'token', 'portal', '--namespace', namespace]);
  const { address, ca } = await server();
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'portal',
    clusters: [
      {
        name: 'cluster',
        cluster: { server: address, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      },
    ],
    contexts: [{ name: 'portal', context: { cluster: 'cluster', user: 'portal' } }],
    users: [{ name: 'portal', user: { token: token.trim() } }],
  });
}

/** Takes away what a manifest made. */
export async function removeAccount(manifest: string): Promise<void> {
  await kubectl(['delete', '--ignore-not-found', '--wait=false', '--filename', '-'], manifest);
}

/** The namespaces of a chain; a portal makes one. */
export async function spacesOf(chain: string): Promise<Space[]> {
  const found = await things('get', 'namespaces', '--selector', `heddle.chain=${chain}`);
  return found.map(({ metadata }) => ({
    name: metadata.name,
    installation: metadata.labels?.['heddle.installation'] ?? '',
  }));
}

/** The pods of a namespace, whatever their state. */
export async function pods(space: string): Promise<string[]> {
  return (await things('get', 'pods', '--namespace', space)).map((one) => one.metadata.name);
}

/** What is left of a namespace: itself, and volumes that were claimed in it. */
export async function leftOf(space: string): Promise<string[]> {
  const all = await things('get', 'namespaces,persistentvolumes');
  const own = all.filter(({ kind, metadata, spec }) =>
    kind === 'Namespace' ? metadata.name === space : spec?.claimRef?.namespace === space,
  );
  return own.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}

/** Stands behind what is being removed. */
export const GOING = ' (going)';

/** Kinds that come and go by themselves, and the states of components, which are no objects. */
const FLEETING = ['events', 'events.events.k8s.io', 'leases.coordination.k8s.io', 'componentstatuses'];

/** What a portal keeps in the namespace that belongs to no chain: what it knows of images, and how they are pulled. */
const KEPT = ['Namespace', 'ConfigMap', 'Secret', 'ServiceAccount'];

/**
 * Everything on the cluster that has to do with portals, of every kind that it can list: what carries a label of ours
 * or is in a namespace that does, and all volumes, since those that a storage class makes carry none. What portals keep
 * in their own namespaces is not counted; anything else there is.
 */
export async function found(): Promise<string[]> {
  const kinds = (await kubectl(['api-resources', '--verbs=list', '--output=name'])).split(/\s+/);
  const lasting = kinds.filter((kind) => kind !== '' && !FLEETING.includes(kind));
  const all = await things('get', lasting.join(','), '--all-namespaces');
  const spaces = new Map(all.filter(({ kind }) => kind === 'Namespace').map((one) => [one.metadata.name, one]));
  const spaceOf = ({ kind, metadata, spec }: Thing): Thing | undefined =>
    spaces.get(kind === 'Namespace' ? metadata.name : (metadata.namespace ?? spec?.claimRef?.namespace ?? ''));
  const isMarked = (one?: Thing): boolean =>
    Object.keys(one?.metadata.labels ?? {}).some((label) => label.startsWith('heddle.'));
  const isKept = (one: Thing): boolean =>
    spaceOf(one)?.metadata.labels?.['heddle.purpose'] === 'home' && KEPT.includes(one.kind);
  const own = all.filter(
    (one) => (one.kind === 'PersistentVolume' || isMarked(one) || isMarked(spaceOf(one))) && !isKept(one),
  );
  const isGoing = ({ metadata, spec, status }: Thing): boolean =>
    metadata.deletionTimestamp !== undefined ||
    (status?.phase === 'Released' && spec?.persistentVolumeReclaimPolicy === 'Delete');
  const called = (one: Thing): string => {
    const space = one.metadata.namespace === undefined ? '' : `${one.metadata.namespace}/`;
    const parent = spaceOf(one);
    const going = isGoing(one) || (parent !== undefined && isGoing(parent)) ? GOING : '';
    return `${one.kind} ${space}${one.metadata.name}${going}`;
  };
  return own.map(called).sort();
}

/** Takes away everything of a portal. */
export async function removeAll(installation: string): Promise<void> {
  const selector = `heddle.installation=${installation}`;
  await kubectl(['delete', 'namespaces,persistentvolumes', '--wait=false', '--selector', selector]);
}

async function things(...words: readonly string[]): Promise<Thing[]> {
  const answer = JSON.parse(await kubectl([...words, '--output', 'json'])) as { items: Thing[] };
  return answer.items;
}

/** Asks the cluster, or tells it, as its admin. */
export async function kubectl(words: readonly string[], input = ''): Promise<string> {
  const limits = { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 };
  const running = promisify(execFile)('kubectl', ['--kubeconfig', file(), ...words], limits);
  running.child.stdin?.end(input);
  return (await running).stdout;
}

/** The kubeconfig by which `kubectl` and others of its kind reach the cluster. */
export function file(): string {
  return process.env.HEDDLE_TEST_KUBERNETES ?? '';
}
