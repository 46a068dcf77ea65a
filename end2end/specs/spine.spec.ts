/**
 * The main job, by hand in a browser: set-up, host, wizard, live progress, deploy, submit, query, transaction, upgrade,
 * stop and start with the state kept, delete. Real nodes on a real engine.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { removeImages, saved, tag } from '../engine.ts';
import {
  call,
  expect,
  open,
  operationDone,
  outcomeOf,
  ownPortal,
  page,
  portal,
  provedAgain,
  ready,
  setUp,
  signIn,
  test,
  visitor,
  ADMIN,
} from '../visit.ts';

test.describe.configure({ mode: 'serial' });

/** The sample with its second version, and a name under which somebody brings it along. */
const SAMPLE = 'heddle.local/chaincode-example02:2';
const BROUGHT = 'heddle.local/brought';

ownPortal(() => removeImages([`${BROUGHT}:1`]));

async function holds(account: string, amount: string): Promise<void> {
  await call(page, 'Query', 'query', [account]);
  await expect(outcomeOf(page, 'Answer of the query')).toContainText(amount);
}

test('the first admin is made with the token', async () => {
  await setUp(page, portal);
});

test('the set-up page is gone afterwards', async () => {
  const answer = await page.request.get(`${portal.url}/setup`);
  expect(answer.status()).toBe(404);
});

test('the local engine becomes a host after a test of the connection', async () => {
  await page.getByRole('link', { name: 'Hosts' }).click();
  await page.getByRole('link', { name: 'Add host' }).first().click();
  await page.getByRole('button', { name: 'Test connection' }).click();
  await expect(page.getByText('The engine answers.')).toBeVisible();
  await page.getByRole('button', { name: 'Add host' }).click();
  await expect(page).toHaveURL(/\/hosts\/[^/]+$/);
  await expect(page.getByText('active').first()).toBeVisible();
});

test('an image is approved for chaincode, and the approval is taken back', async () => {
  const approve = async (name: string): Promise<void> => {
    await page.getByLabel('Image', { exact: true }).fill(name);
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
  };
  await approve('heddle.local/nowhere:1');
  await expect(page.getByRole('alert').filter({ hasText: 'heddle.local/nowhere:1' })).toBeVisible();
  await approve(SAMPLE);
  const approved = page.getByRole('region', { name: 'Approved for chaincode' });
  await expect(approved.getByRole('row').filter({ hasText: SAMPLE })).toContainText('ada');
  await approved.getByRole('button', { name: `Revoke ${SAMPLE}` }).click();
  await expect(page.getByText('No image is approved')).toBeVisible();
});

test('an image that is brought as a file is on the host, and approved', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heddle-image-'));
  const archive = join(folder, 'brought.tar');
  const image = await tag(SAMPLE, BROUGHT);
  await saved(image, archive);
  // From here on the engine has it by the file alone.
  await removeImages([image]);
  await page.locator('#archive').setInputFiles(archive);
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  const told = page.getByText('On the host now:');
  await expect(told).toContainText(image, { timeout: 60_000 });
  await rm(folder, { recursive: true });
  const approved = page.getByRole('region', { name: 'Approved for chaincode' });
  await expect(approved.getByRole('row').filter({ hasText: image })).toContainText('ada');
  await approved.getByRole('button', { name: `Revoke ${image}` }).click();
  await expect(page.getByText('No image is approved')).toBeVisible();
});

test('the wizard creates a chain, and its progress survives a reload', async () => {
  await page.getByRole('link', { name: 'Chains' }).click();
  await page.getByRole('link', { name: 'Create chain' }).first().click();
  await page.getByLabel('Chain name').fill('trade');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Back' }).click();
  await expect(page.getByLabel('Chain name')).toHaveValue('trade');
  for (let step = 0; step < 3; step += 1) {
    await page.getByRole('button', { name: 'Next' }).click();
  }
  await expect(page.getByRole('heading', { name: 'Pre-flight checks' })).toBeVisible();
  await page.getByRole('button', { name: 'Create chain' }).click();
  await expect(page).toHaveURL(/\/operations\//);
  await page.reload();
  await ready(page);
  await operationDone(page);
});

test('the chain page shows its nodes', async () => {
  await page.getByRole('link', { name: 'Open chain' }).click();
  await expect(page.getByText('running').first()).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Topology' })).toBeVisible();
  await expect(page.getByRole('table').getByText('orderer0')).toBeVisible();
});

test('the sample is deployed as it is filled in', async () => {
  await page.getByRole('navigation', { name: 'Pages of this chain' }).getByRole('link', { name: 'Chaincode' }).click();
  await page.getByRole('button', { name: 'Deploy' }).click();
  await operationDone(page);
});

test('init, move and query: 90 and 210', async () => {
  await page.getByRole('link', { name: 'Invoke' }).click();
  await call(page, 'Submit', 'init', ['a', '100', 'b', '200']);
  const outcome = outcomeOf(page, 'Transaction submitted');
  await expect(outcome).toContainText('VALID');
  for (const phase of ['Endorsement', 'Ordering', 'Commit']) {
    const time = outcome.locator(`xpath=.//dt[.='${phase}']/following-sibling::dd[1]`);
    await expect(time, phase).toHaveText(/^\d+ ms$/);
  }
  await call(page, 'Submit', 'move', ['a', 'b', '10']);
  await expect(outcome).toContainText('VALID');
  await holds('a', '90');
  await holds('b', '210');
});

test('a refusal of the chaincode is told as one', async () => {
  await call(page, 'Query', 'query', ['nobody']);
  await expect(page.getByRole('alert').filter({ hasText: 'nobody' })).toBeVisible();
  await call(page, 'Submit', 'move', ['nobody', 'b', '1']);
  await expect(page.getByRole('alert').filter({ hasText: 'nobody' })).toBeVisible();
});

test('the transaction and its block are shown as the peer has them', async () => {
  const tabs = page.getByRole('navigation', { name: 'Pages of this chain' });
  await tabs.getByRole('link', { name: 'Transactions' }).click();
  // What peers refused stands there as well, without an id: it is on no ledger.
  const refused = page.getByRole('row').filter({ hasText: 'nobody' });
  await expect(refused).toContainText('refused');
  await expect(refused.getByRole('link')).toHaveCount(0);
  await page.getByRole('table').getByRole('link').first().click();
  await expect(page).toHaveURL(/\/transactions\/[^/]+\/[0-9a-f]{64}$/);
  await expect(page.getByText('move').first()).toBeVisible();
  // The event that the call set, with its payload.
  await expect(page.locator('dt:text-is("Event") + dd')).toHaveText('moved {"from":"a","to":"b","amount":10}');
  await expect(page.getByRole('heading', { name: 'Read and write set' })).toBeVisible();
  await page.locator('main a[href*="/blocks/"]').first().click();
  await expect(page).toHaveURL(/\/blocks\//);
  await expect(page.getByText('verified').first()).toBeVisible();
});

test('the first block is signed by nobody', async () => {
  await open(page, `${portal.url}/chains/trade/blocks/mychannel/0`);
  await expect(page.getByRole('table')).toContainText('config');
  await expect(page.getByRole('main')).not.toContainText('()');
});

test('chaincode containers stand among the nodes, with their output', async () => {
  await open(page, `${portal.url}/chains/trade`);
  const rows = page.getByRole('row').filter({ hasText: 'chaincode' });
  await expect(rows.first()).toContainText('running');
  await expect(rows.first()).toContainText('MiB');
  await rows.first().getByRole('link').first().click();
  await expect(page).toHaveURL(/\/nodes\/cc-[0-9a-f]{8}-org\d$/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('cc-');
});

/** More blocks than the chain has. */
const HEIGHT = 1_000_000;

test('the figures of a quiet chain go on, and what is selected beside them stays selected', async ({ browser }) => {
  const tab = await visitor(browser);
  await signIn(tab, portal, ADMIN.name, ADMIN.password);
  // Nothing is told to this page: whatever it reads again it asks for by itself.
  await tab.route('**/events', (route) => route.abort());
  let answers = 0;
  await tab.route('**/api/chain_read', async (route) => {
    const view = await (await route.fetch()).json();
    answers += 1;
    for (const node of view.nodes) {
      node.heights = [['mychannel', HEIGHT + answers]];
      node.cpu_milli = 1_000 * answers;
      node.memory_bytes = answers * 2 ** 30;
    }
    await route.fulfill({ json: view });
  });
  await tab.clock.install();
  await open(tab, `${portal.url}/chains/trade`);
  const row = tab.getByRole('row').filter({ hasText: 'peer0-org1' });
  await expect(row).toContainText('running');
  const selected = (): Promise<string> => tab.evaluate(() => getSelection()?.toString() ?? '');
  await row.locator('.badge').evaluate((badge) => {
    const words = [...badge.childNodes].find((one) => one instanceof Text && one.data === 'running');
    if (words !== undefined) {
      getSelection()?.setBaseAndExtent(words, 0, words, 'running'.length);
    }
  });
  expect(await selected()).toBe('running');
  const height = async (): Promise<number> =>
    Number(/mychannel: (\d+)/.exec(await row.innerText())?.[1] ?? Number.NaN);
  let seen = HEIGHT;
  for (let round = 0; round < 2; round += 1) {
    await tab.clock.fastForward(15_000);
    await expect.poll(height).toBeGreaterThan(seen);
    seen = await height();
  }
  await expect(row).toContainText('.00');
  await expect(row).toContainText('GiB');
  expect(await selected()).toBe('running');
  await tab.unrouteAll({ behavior: 'wait' });
  await tab.context().close();
});

test('an upgrade keeps the state', async () => {
  await open(page, `${portal.url}/chains/trade/chaincode`);
  await page.getByRole('link', { name: 'Upgrade' }).click();
  const image = page.getByLabel('Image', { exact: true });
  await image.fill((await image.inputValue()).replace(/:1$/, ':2'));
  await page.getByRole('button', { name: 'Deploy' }).click();
  await operationDone(page);
  await page.getByRole('link', { name: 'Invoke' }).click();
  await holds('a', '90');
});

test('stop and start keep the ledger', async () => {
  await open(page, `${portal.url}/chains/trade`);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }).click();
  await operationDone(page);
  await open(page, `${portal.url}/chains/trade/invoke`);
  await expect(page.getByText('Calls are possible while the chain is running.')).toBeVisible();
  await open(page, `${portal.url}/chains/trade`);
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await operationDone(page);
  await open(page, `${portal.url}/chains/trade/invoke`);
  await holds('b', '210');
});

test('a restart, node by node, keeps the ledger', async () => {
  await open(page, `${portal.url}/chains/trade`);
  await page.getByRole('button', { name: 'Restart', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('one after another');
  await dialog.getByRole('button', { name: 'Restart', exact: true }).click();
  await operationDone(page);
  await open(page, `${portal.url}/chains/trade/invoke`);
  await holds('b', '210');
});

test('the portal comes back from a kill with everything', async () => {
  await portal.kill();
  await portal.resume();
  await open(page, `${portal.url}/chains/trade/invoke`);
  await holds('a', '90');
});

test('delete asks for the name and takes everything along', async () => {
  await open(page, `${portal.url}/chains/trade`);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('button', { name: 'Delete', exact: true })).toBeDisabled();
  await dialog.getByLabel('Type trade to confirm').fill('trade');
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await provedAgain(page, ADMIN.password, () => /\/operations\//.test(page.url()));
  await operationDone(page);
  await expect(page.getByRole('link', { name: 'Open chain' })).toHaveCount(0);
  // What is gone is named, and leads nowhere: here, in the list, and on the overview.
  await expect(page.locator('main dd').filter({ hasText: 'chain/trade' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'chain/trade' })).toHaveCount(0);
  for (const address of ['/operations', '/']) {
    await open(page, portal.url + address);
    await expect(page.getByRole('cell', { name: 'chain/trade', exact: true }).first()).toBeVisible();
    await expect(page.getByRole('link', { name: 'chain/trade' })).toHaveCount(0);
  }
  await open(page, `${portal.url}/chains`);
  await expect(page.getByText('No chains yet')).toBeVisible();
});
