/**
 * The form of a host that is a Kubernetes cluster: it asks for what the chosen way to sign in needs and for nothing
 * that only container engines have, names each wrong value where it was typed, and keeps what was typed. No cluster is
 * needed for that.
 */
import { Portal } from '../portal.ts';
import { accessible, expect, fits, open, setUp, test, visitor } from '../visit.ts';
import type { Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const SERVER = 'https://api.example:6443';
let portal: Portal;
let page: Page;

test.beforeAll(async ({ browser }) => {
  portal = await Portal.start();
  page = await visitor(browser);
});

test.afterAll(async () => {
  await page?.context().close();
  await portal?.stop();
});

/** A kubeconfig with one context, whose user signs in so. */
function kubeconfig(user: string): string {
  const ca = Buffer.from(PEM).toString('base64');
  return `apiVersion: v1
kind: Config
current-context: main
clusters:
- name: far
  cluster: { server: "https://API.example:6443/", certificate-authority-data: ${ca} }
users:
- name: ada
  user: ${user}
contexts:
- name: main
  context: { cluster: far, user: ada }
`;
}

/** Opens the form of a new host and chooses a cluster. */
async function clusterForm(): Promise<void> {
  await open(page, `${portal.url}/hosts/new`);
  await page.getByLabel('On a Kubernetes cluster').check();
  await page.locator('#name').fill('far');
}

async function add(): Promise<void> {
  await page.getByRole('button', { name: 'Add host' }).click();
}

test('a cluster is asked for nothing that only engines have', async () => {
  await setUp(page, portal);
  await clusterForm();
  await page.getByText('Advanced', { exact: true }).click();
  for (const field of ['server', 'token', 'ca_pem', 'client_address', 'capacity', 'port_first', 'storage', 'exposure']) {
    await expect(page.locator(`#${field}`), field).toBeVisible();
  }
  for (const field of ['path', 'address', 'port', 'bind_address', 'network_range']) {
    await expect(page.locator(`#${field}`), field).toHaveCount(0);
  }
  await expect(page.locator('#namespace_prefix')).toHaveValue('heddle');
  await expect(page.locator('#port_first')).toHaveValue('31000');
  await fits(page);
  await accessible(page);
  await page.getByLabel('On another machine, over TLS').check();
  await expect(page.locator('#bind_address')).toBeVisible();
  await expect(page.locator('#server')).toHaveCount(0);
});

test('each way to sign in has its own fields', async () => {
  await clusterForm();
  const shows = async (present: readonly string[], absent: readonly string[]): Promise<void> => {
    for (const field of present) {
      await expect(page.locator(`#${field}`), field).toBeVisible();
    }
    for (const field of absent) {
      await expect(page.locator(`#${field}`), field).toHaveCount(0);
    }
  };
  await shows(['server', 'token', 'trust', 'ca_pem'], ['key_pem', 'kubeconfig', 'pinned']);
  await page.locator('#trust').selectOption('pinned');
  await shows(['pinned'], ['ca_pem']);
  await page.getByLabel('With a client certificate').check();
  await shows(['server', 'certificate_pem', 'key_pem', 'pinned'], ['token', 'kubeconfig']);
  await page.getByLabel('With a kubeconfig').check();
  await shows(['kubeconfig', 'kubeconfig-file', 'context'], ['token', 'key_pem', 'trust']);
  await expect(page.locator('#server')).toHaveAttribute('readonly');
  // The portal of this test runs in no cluster.
  await expect(page.getByLabel('As the cluster that the portal runs in')).toBeDisabled();
});

test('each wrong value is named where it was typed, and nothing typed is lost', async () => {
  await clusterForm();
  const refused = async (field: string, text: string): Promise<void> => {
    await add();
    await expect(page.locator(`#${field}-error`)).toContainText(text);
  };
  await refused('server', 'This field is needed.');
  await page.locator('#server').fill('http://api.example');
  await refused('server', 'is not the address of an API server');
  await page.locator('#server').fill(SERVER);
  await refused('token', 'This field is needed.');
  await page.locator('#token').fill('one two');
  await page.locator('#ca_pem').fill(PEM);
  await refused('token', 'This is not a token');
  await page.locator('#token').fill('abc');
  await page.locator('#trust').selectOption('pinned');
  await page.locator('#pinned').fill('AB:CD');
  await refused('pinned', 'This is not a fingerprint');
  await page.locator('#pinned').fill(Array.from({ length: 32 }, () => 'AB').join(':'));
  // What is folded away opens where something in it is wrong.
  await expect(page.locator('#namespace_prefix')).toBeHidden();
  await page.getByText('Advanced', { exact: true }).click();
  await page.locator('#namespace_prefix').fill('Heddle');
  await page.getByText('Advanced', { exact: true }).click();
  await refused('namespace_prefix', 'cannot begin a namespace');
  await expect(page.locator('#namespace_prefix')).toBeVisible();
  await page.locator('#namespace_prefix').fill('heddle');
  await page.locator('#storage').selectOption('nfs');
  await refused('nfs_server', 'This field is needed.');
  await page.locator('#storage').selectOption('default');
  await page.locator('#tolerations').fill('gpu=yes:Never');
  await refused('tolerations', 'The toleration “gpu” is not one.');
  await page.locator('#tolerations').fill('gpu=yes:NoSchedule');
  await page.locator('#node_selector').fill('disk');
  await refused('node_selector', 'The entry “disk” cannot be used');
  await page.locator('#node_selector').fill('disk=fast');
  await page.locator('#port_first').fill('20000');
  await refused('port_first', '30000');
  await expect(page.locator('#server')).toHaveValue(SERVER);
  await expect(page.locator('#token')).toHaveValue('abc');
  await expect(page).toHaveURL(`${portal.url}/hosts/new`);
});

test('a kubeconfig is read on request, and what it cannot be used for is said', async () => {
  await clusterForm();
  await page.getByLabel('With a kubeconfig').check();
  await page.locator('#kubeconfig').fill('this: is none');
  await page.getByRole('button', { name: 'Read contexts' }).click();
  await expect(page.locator('#kubeconfig-error')).not.toBeEmpty();
  await page.locator('#kubeconfig').fill(kubeconfig('{ exec: { command: sign-in } }'));
  await page.getByRole('button', { name: 'Read contexts' }).click();
  await expect(page.getByText('gets its credentials from a program')).toBeVisible();
  await expect(page.locator('#context option')).toHaveCount(0);
  await page.locator('#kubeconfig').fill(kubeconfig('{ username: ada, password: plain }'));
  await page.getByRole('button', { name: 'Read contexts' }).click();
  await expect(page.getByText('Kubernetes has had no passwords since 1.19')).toBeVisible();
  await expect(page.locator('#context option')).toHaveCount(0);
  const text = kubeconfig('{ token: abc }');
  await page.locator('#kubeconfig-file').setInputFiles({
    name: 'config.yaml',
    mimeType: 'application/yaml',
    buffer: Buffer.from(text),
  });
  await expect(page.locator('#kubeconfig')).toHaveValue(text);
  await expect(page.locator('#context')).toHaveValue('main');
  await expect(page.locator('#server')).toHaveValue(SERVER);
  await accessible(page);
});

test('a test of an address that is never called names the stage', async () => {
  await clusterForm();
  await page.locator('#server').fill('https://169.254.169.254');
  await page.locator('#token').fill('abc');
  await page.locator('#trust').selectOption('pinned');
  await page.locator('#pinned').fill('ab'.repeat(32));
  await page.getByRole('button', { name: 'Test connection' }).click();
  await expect(page.locator('.stage-bad')).toHaveText('Address: failed');
  await expect(page.getByText('The portal does not call this address').first()).toBeVisible();
});

test('the rights that the account needs are there to copy', async () => {
  await clusterForm();
  await page.getByRole('button', { name: 'Show manifest' }).click();
  const manifest = page.locator('pre.log-lines');
  await expect(manifest).toContainText('kind: ClusterRole');
  await expect(manifest).toContainText('serviceaccounts');
  await accessible(page);
});
