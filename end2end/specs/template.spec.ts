/**
 * Templates are made, changed, taken along and refused with their line; a host is filled from one, shows each chain in
 * its row, and is cleaned again.
 */
import { expect, open, ownPortal, page, portal, ready, setUp, test, visitor } from '../visit.ts';

test.describe.configure({ mode: 'serial' });

/** Time for one chain with its chaincode on the engine. */
const CHAIN_MS = 180_000;

ownPortal();

/** What the portal answers to a file that is taken along. */
async function exported(name: string): Promise<string> {
  const answer = await page.request.get(`${portal.url}/templates/${name}/template.yaml`);
  expect(answer.status()).toBe(200);
  expect(answer.headers()['content-disposition']).toContain(`${name}.yaml`);
  return answer.text();
}

test('there are templates from the beginning', async () => {
  await setUp(page, portal);
  await open(page, `${portal.url}/templates`);
  for (const name of ['small', 'resilient', 'bft']) {
    await expect(page.getByRole('link', { name, exact: true })).toBeVisible();
  }
  await page.getByRole('link', { name: 'bft', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Byzantine fault tolerant' })).toBeVisible();
});

test('a new template keeps what was typed when it is refused', async () => {
  await open(page, `${portal.url}/templates/new`);
  await page.getByLabel('Name', { exact: true }).fill('mine');
  await page.getByLabel('Title').fill('Mine');
  await page.getByLabel('Orderers').fill('2');
  await page.getByRole('button', { name: 'Save template' }).click();
  await expect(page.locator('#orderers-error')).not.toBeEmpty();
  await expect(page.getByLabel('Title')).toHaveValue('Mine');
  await page.getByLabel('Orderers').fill('1');
  await page.getByLabel('Organizations').fill('org1 1');
  await page.getByRole('button', { name: 'Save template' }).click();
  await expect(page).toHaveURL(/\/templates\/mine$/);
  await expect(page.getByRole('heading', { name: 'Mine', exact: true })).toBeVisible();
});

test('a template goes to another portal and back as YAML', async () => {
  const text = (await exported('mine')).replaceAll('"mine"', '"theirs"');
  await open(page, `${portal.url}/templates`);
  const field = page.getByLabel('Template as YAML');
  await field.fill(text.replace('"orderers": 1', '"orderers": many'));
  await page.getByRole('button', { name: 'Import' }).click();
  await expect(page.locator('#text-error')).toContainText(/Line \d+/);
  await expect(field).toHaveValue(/many/);
  await field.fill(text);
  await page.getByRole('button', { name: 'Import' }).click();
  await expect(page).toHaveURL(/\/templates\/theirs$/);
  expect(await exported('theirs')).toBe(text);
});

test('a template that is deleted stays away', async () => {
  await open(page, `${portal.url}/templates/theirs`);
  await page.getByRole('button', { name: 'Delete template' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Type theirs to confirm').fill('theirs');
  await dialog.getByRole('button', { name: 'Delete template' }).click();
  await expect(page).toHaveURL(/\/templates$/);
  await expect(page.getByRole('link', { name: 'theirs', exact: true })).toHaveCount(0);
});

test('whoever is not signed in gets no file', async ({ browser }) => {
  const guest = await visitor(browser);
  const answer = await guest.request.get(`${portal.url}/templates/small/template.yaml`);
  expect(answer.status()).toBe(401);
  await guest.context().close();
});

test('a host that takes no new chains says so, and is not filled', async () => {
  await open(page, `${portal.url}/hosts/new`);
  await page.getByRole('button', { name: 'Add host' }).click();
  await expect(page).toHaveURL(/\/hosts\/(?!new)[^/]+$/);
  const host = page.url();
  await open(page, `${host}/edit`);
  await page.getByLabel('Takes new chains').uncheck();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page).toHaveURL(host);
  await expect(page.getByText('The host takes no new chains: nothing is filled.')).toBeVisible();
  await page.getByLabel('How many').fill('1');
  await page.getByRole('button', { name: 'Fill', exact: true }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'The host takes no new chains.' })).toBeVisible();
  await open(page, `${host}/edit`);
  await page.getByLabel('Takes new chains').check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page).toHaveURL(host);
});

test('a host is filled from a template, and cleaned', async () => {
  test.setTimeout(2 * CHAIN_MS + 60_000);
  await ready(page);
  await page.getByLabel('Template', { exact: true }).selectOption('mine');
  await page.getByLabel('How many').fill('1');
  await page.getByRole('button', { name: 'Fill', exact: true }).click();
  const rows = page.locator('main ul.plain li').filter({ hasText: 'mine-1' });
  await expect(rows.getByText('Done')).toBeVisible({ timeout: CHAIN_MS });
  await expect(page.getByText(/on this host; 1 free, 0 owned/)).toBeVisible();
  await page.locator('main tbody').getByRole('link', { name: 'mine-1', exact: true }).click();
  await expect(page.getByText('In the pool, free')).toBeVisible();
  await page.goBack();
  await ready(page);
  await page.getByRole('button', { name: 'Remove free chains' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove free chains' }).click();
  await expect(page.getByText('There are no chains in the pool of this host.')).toBeVisible({ timeout: CHAIN_MS });
});
