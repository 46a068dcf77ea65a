/**
 * A portal that runs in the cluster itself: installed by its chart, as somebody would who has a certificate for it, and
 * reached by the port that its Service publishes on a machine.
 *
 * `HEDDLE_TEST_PORTAL_IMAGE` names its image, which the cluster has; `HEDDLE_TEST_HELM` is Helm.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { file, hasCluster, kubectl, machine } from './cluster.ts';

/** Whether the portal can be installed in a cluster. */
export const canInstall =
  hasCluster && variable('HEDDLE_TEST_PORTAL_IMAGE') !== '' && variable('HEDDLE_TEST_HELM') !== '';

export const NAMESPACE = 'heddle-inside';
/** Outside of the ports that hosts give to chains. */
const PORT = 30_443;
const CHART = fileURLToPath(new URL('../server/deploy/helm/heddle', import.meta.url));
/** The image has to be unpacked and the database made. */
const START_MS = 300_000;
/** Kinds of which a portal makes something that no namespace holds. */
const KINDS = 'namespaces,persistentvolumes,clusterroles,clusterrolebindings';

export class PortalInside {
  private constructor(readonly url: string) {}

  /** Installs the portal in a namespace of its own, and waits until it is ready. */
  static async install(): Promise<PortalInside> {
    const address = await machine();
    const url = `https://${address}:${PORT}`;
    const folder = await mkdtemp(join(tmpdir(), 'heddle-inside-'));
    try {
      await kubectl(['create', 'namespace', NAMESPACE]);
      // The strictest that a cluster may ask of pods.
      await kubectl(['label', 'namespace', NAMESPACE, 'pod-security.kubernetes.io/enforce=restricted']);
      await certificate(folder, address);
      const [cert, key] = [`--cert=${join(folder, 'portal.pem')}`, `--key=${join(folder, 'portal.key')}`];
      await kubectl(['create', 'secret', 'tls', 'heddle-tls', '--namespace', NAMESPACE, cert, key]);
      const image = variable('HEDDLE_TEST_PORTAL_IMAGE');
      const colon = image.lastIndexOf(':');
      const values = [
        `publicUrl=${url}`,
        'service.type=NodePort',
        `service.nodePort=${PORT}`,
        `image.repository=${image.slice(0, colon)}`,
        `image.tag=${image.slice(colon + 1)}`,
        'image.pullPolicy=Never',
        'storage.size=1Gi',
      ];
      await helm(['lint', '--strict', CHART]);
      const waiting = ['--wait', '--timeout', `${START_MS / 1000}s`];
      await helm(['install', 'heddle', CHART, '--namespace', NAMESPACE, ...waiting, '--set', values.join(',')]);
    } catch (error) {
      throw new Error(`the portal is not there: ${await circumstances()}`, { cause: error });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return new PortalInside(url);
  }

  /** The one-time token for the setup page, which stands in the log of the pod. */
  async setupToken(): Promise<string> {
    const log = await kubectl(['logs', 'portal-0', '--namespace', NAMESPACE]);
    return /token\W+([A-Za-z0-9_-]{16,})/i.exec(log)?.[1] ?? '';
  }
}

/** Which pod the portal is in and whether it is ready; empty where there is none. */
export async function pod(): Promise<{ uid: string; ready: boolean }> {
  const path = 'jsonpath={.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}';
  const answer = await kubectl([
    ...['get', 'pod', 'portal-0', '--namespace', NAMESPACE],
    ...['--ignore-not-found', '--output', path],
  ]);
  const [uid = '', ready = ''] = answer.trim().split(' ');
  return { uid, ready: ready === 'True' };
}

/** Ends the pod of the portal in an orderly way; the cluster starts another one. */
export async function deletePod(): Promise<void> {
  await kubectl(['delete', 'pod', 'portal-0', '--namespace', NAMESPACE, '--wait=false']);
}

/** From which namespace the policies of a chain let the portal in. */
export function letIn(space: string): Promise<string> {
  const from = '{.spec.ingress[0].from[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name}';
  return kubectl(['get', 'networkpolicy', 'portal', '--namespace', space, '--output', `jsonpath=${from}`]);
}

/** Takes the portal away, with its data. */
export async function remove(): Promise<void> {
  await helm(['uninstall', 'heddle', '--namespace', NAMESPACE, '--ignore-not-found']);
  await kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=false']);
}

/** Everything in the cluster that lies in no namespace, and the namespaces. */
export async function listing(): Promise<string[]> {
  const answer = await kubectl(['get', KINDS, '--output', 'name']);
  return answer.split('\n').filter((name) => name !== '');
}

/** What the cluster says about a portal that does not start. */
async function circumstances(): Promise<string> {
  const ask = (words: readonly string[]): Promise<string> =>
    kubectl([...words, '--namespace', NAMESPACE]).catch((error: unknown) => String(error));
  const told = [await ask(['get', 'pods,events']), await ask(['logs', 'portal-0', '--tail', '50'])];
  return told.join('\n').slice(-4_000);
}

/** Makes `portal.pem` and `portal.key` in a folder, for an address. */
async function certificate(folder: string, address: string): Promise<void> {
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const about = ['-subj', '/CN=portal', '-addext', `subjectAltName=IP:${address}`];
  const files = ['-keyout', join(folder, 'portal.key'), '-out', join(folder, 'portal.pem')];
  await promisify(execFile)('openssl', [...words, ...about, ...files], { timeout: 60_000 });
}

/** Runs Helm with nothing of the person's own settings. */
async function helm(words: readonly string[]): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'heddle-helm-'));
  const folders = { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
  try {
    const settings = { timeout: START_MS + 60_000, env: { ...process.env, ...folders, KUBECONFIG: file() } };
    await promisify(execFile)(variable('HEDDLE_TEST_HELM'), [...words], settings);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function variable(name: string): string {
  return process.env[name] ?? '';
}
