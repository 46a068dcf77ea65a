/**
 * The portal in a cluster, on which it raises chains as well: installed by its chart under the strictest rules for pods,
 * as its own service account, with its data on a volume. It outlives its pod, and leaves nothing when it is taken away.
 */
import { hasCluster, leftOf, machine, removeAll, spacesOf, STAGES, type Space } from '../cluster.ts';
import { canInstall, deletePod, letIn, listing, NAMESPACE, pod, PortalInside, remove } from '../incluster.ts';
import { beginSmallChain, deleteChain, expect, open, operationDone, setUp, test, visitor } from '../visit.ts';
import type { Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });
test.skip(!hasCluster, 'HEDDLE_TEST_KUBERNETES names no cluster');
test.skip(!canInstall, 'HEDDLE_TEST_PORTAL_IMAGE or HEDDLE_TEST_HELM is not set');

const CHAIN = 'within';
/** Volumes are made and pods placed before anything starts: that takes its time where two cores do everything. */
const PATIENCE_MS = 360_000;

let portal: PortalInside;
let admin: Page;
let before: string[] = [];
let space: Space = { name: '', installation: '' };
let removed = false;

test.afterAll(async () => {
  test.setTimeout(PATIENCE_MS);
  await admin?.context().close();
  if (removed || before.length === 0) {
    return;
  }
  // The portal first: it would make again what somebody else takes away.
  await remove();
  if (space.installation !== '') {
    await removeAll(space.installation);
  }
});

/** The chain with both of its nodes, as its page shows it. */
async function seesChain(): Promise<void> {
  await open(admin, `${portal.url}/chains/${CHAIN}`);
  const rows = admin.getByRole('region', { name: 'Nodes' }).locator('tbody tr');
  await expect(rows).toHaveCount(2);
  await expect(rows.filter({ hasText: 'running' })).toHaveCount(2, { timeout: 60_000 });
}

test('the chart installs the portal, and its log says how the first admin is made', async ({ browser }) => {
  test.setTimeout(2 * PATIENCE_MS);
  before = await listing();
  portal = await PortalInside.install();
  // Its certificate is signed by nobody.
  admin = await visitor(browser, { ignoreHTTPSErrors: true });
  await setUp(admin, portal);
});

test('the cluster that it runs in is offered, passes every stage and becomes a host', async () => {
  await open(admin, `${portal.url}/hosts/new`);
  await expect(admin.getByLabel('On a Kubernetes cluster')).toBeChecked();
  await expect(admin.getByLabel('As the cluster that the portal runs in')).toBeChecked();
  await admin.locator('#client_address').fill(await machine());
  await admin.getByRole('button', { name: 'Test connection' }).click();
  const passed = STAGES.map((stage) => `${stage}: passed`);
  await expect(admin.locator('ol.stages li')).toHaveText(passed, { timeout: 60_000 });
  await admin.getByRole('button', { name: 'Add host' }).click();
  await expect(admin).toHaveURL(/\/hosts\/(?!new)[^/]+$/, { timeout: 60_000 });
  await expect(admin.getByText('active').first()).toBeVisible();
});

test('a chain is created there, and its namespace lets the portal in', async () => {
  test.setTimeout(PATIENCE_MS + 120_000);
  await beginSmallChain(admin, portal, CHAIN, 60_000);
  await operationDone(admin, PATIENCE_MS);
  space = (await spacesOf(CHAIN))[0] ?? space;
  expect(await letIn(space.name)).toBe(NAMESPACE);
  await seesChain();
});

test('another pod of the portal finds the same data', async () => {
  test.setTimeout(PATIENCE_MS);
  const first = await pod();
  await deletePod();
  const another = async (): Promise<boolean> => {
    const now = await pod();
    return now.ready && now.uid !== first.uid;
  };
  await expect.poll(another, { timeout: PATIENCE_MS - 60_000 }).toBe(true);
  // The port follows the pod a moment later.
  await expect(() => seesChain()).toPass({ timeout: 60_000 });
});

test('a deleted chain leaves nothing, and neither does the portal when it is taken away', async () => {
  test.setTimeout(2 * PATIENCE_MS);
  await deleteChain(admin, portal, CHAIN, PATIENCE_MS);
  await expect.poll(() => leftOf(space.name), { timeout: 60_000 }).toEqual([]);
  await admin.goto('about:blank');
  await remove();
  const further = async (): Promise<string[]> => (await listing()).filter((name) => !before.includes(name));
  // What a portal notes on a cluster for itself stays there, as on clusters elsewhere; it says whose it is.
  const home = `namespace/heddle-${space.installation}`;
  const other = async (): Promise<string[]> => (await further()).filter((name) => name !== home);
  await expect.poll(other, { timeout: 120_000 }).toEqual([]);
  await removeAll(space.installation);
  await expect.poll(further, { timeout: 120_000 }).toEqual([]);
  removed = true;
});
