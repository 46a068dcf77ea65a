/**
 * Acceptance 6 on the engine: somebody applies by name and has the chain at once, nobody else can get it, whoever waits is
 * served when it is released and made anew, an operator frees it as it is, and one in use is not deleted unasked.
 */
import {
  ADMIN,
  accessible,
  expect,
  fits,
  open,
  operationDone,
  ownPortal,
  page as admin,
  portal,
  provedAgain,
  setUp,
  signIn,
  test,
  visitor,
} from '../visit.ts';
import type { Browser, Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

/** Time for one chain with its chaincode on the engine. */
const CHAIN_MS = 180_000;
/** Time until the portal has looked at a new chain. */
const LOOK_MS = 60_000;
const PASSWORD = 'a few plain words together';
const CHAIN = 'small-1';

ownPortal();

/** Status of a server function as the page itself asks for it. */
async function asked(page: Page, name: string, body: unknown): Promise<number> {
  const send = async ([path, text]: readonly [string, string]): Promise<number> => {
    const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
    return answer.status;
  };
  return page.evaluate(send, [`/api/${name}`, JSON.stringify(body)] as const);
}

/** Somebody with a browser of their own, on the page on which one applies. */
async function applying(browser: Browser, name: string): Promise<Page> {
  const page = await visitor(browser);
  await signIn(page, portal, name, PASSWORD);
  await open(page, `${portal.url}/apply`);
  return page;
}

/** Opens the page again and again until it shows something: free chains of others are told to nobody. */
async function until(page: Page, shown: () => Promise<void>): Promise<void> {
  await expect(async () => {
    await open(page, `${portal.url}/apply`);
    await shown();
  }).toPass({ timeout: LOOK_MS });
}

/** Confirms what a button of the chain's page asks. */
async function confirmed(page: Page, button: string, typed?: string): Promise<void> {
  await page.getByRole('button', { name: button, exact: true }).click();
  const dialog = page.getByRole('dialog');
  if (typed !== undefined) {
    await expect(dialog.getByRole('button', { name: button, exact: true })).toBeDisabled();
    await dialog.getByLabel(`Type ${typed} to confirm`).fill(typed);
  }
  await dialog.getByRole('button', { name: button, exact: true }).click();
}

test('an admin fills the pool', async ({ browser }) => {
  test.setTimeout(CHAIN_MS + LOOK_MS);
  await setUp(admin, portal);
  for (const [name, role] of [
    ['otto', 'operator'],
    ['uma', 'user'],
    ['eve', 'user'],
  ] as const) {
    expect(await asked(admin, 'user_create', { user: { name, role, password: PASSWORD } })).toBe(200);
  }
  await open(admin, `${portal.url}/hosts/new`);
  await admin.getByRole('button', { name: 'Add host' }).click();
  await expect(admin).toHaveURL(/\/hosts\/(?!new)[^/]+$/);
  // Nothing is free yet: it says so, and offers the queue.
  const page = await applying(browser, 'eve');
  await expect(page.getByText('No chain is free now.')).toBeVisible();
  await accessible(page);
  await page.context().close();
  await admin.getByLabel('Template', { exact: true }).selectOption('small');
  await admin.getByLabel('How many').fill('1');
  await admin.getByRole('button', { name: 'Fill', exact: true }).click();
  await expect(admin.getByText(/on this host; 1 free, 0 owned/)).toBeVisible({ timeout: CHAIN_MS });
});

test('somebody applies by name and has the chain at once', async ({ browser }) => {
  test.setTimeout(LOOK_MS + 60_000);
  const page = await applying(browser, 'uma');
  await expect(page.locator('[data-test=quota-chains]')).toContainText('0 of 2');
  const form = page.locator('form').filter({ has: page.getByRole('heading', { name: 'By name' }) });
  await until(page, () => expect(form.getByLabel('Chain', { exact: true })).toBeVisible({ timeout: 1_000 }));
  await form.getByLabel('Chain', { exact: true }).selectOption(CHAIN);
  const clicked = Date.now();
  await form.getByRole('button', { name: 'Get a chain' }).click();
  await expect(page).toHaveURL(new RegExp(`/chains/${CHAIN}$`));
  await expect(page.locator('[data-test=owner]')).toContainText('uma');
  expect(Date.now() - clicked, 'from click to page').toBeLessThan(2_000);
  await expect(page.locator('[data-test=expires] time')).toBeVisible();
  await accessible(page);
  await page.setViewportSize({ width: 360, height: 800 });
  await fits(page);
  await page.context().close();
});

test('nobody else can get it, and whoever wants one waits', async ({ browser }) => {
  const page = await applying(browser, 'eve');
  expect((await page.request.get(`${portal.url}/chains/${CHAIN}`)).status()).toBe(404);
  expect(await asked(page, 'chain_apply', { spec: { name: CHAIN, key: 'eve-wants-it' } })).toBe(409);
  const form = page.locator('form').filter({ has: page.getByRole('heading', { name: 'By type and size' }) });
  await form.getByLabel('Peers').fill('27');
  await form.getByRole('button', { name: 'Get a chain' }).click();
  await expect(page.locator('#apply-peers-error')).not.toBeEmpty();
  await expect(form.getByLabel('Peers')).toHaveValue('27');
  await form.getByLabel('Peers').fill('2');
  await form.getByRole('button', { name: 'Get a chain' }).click();
  await expect(page.locator('[data-test=queue]')).toContainText('Place 1');
  await page.context().close();
});

test('one in use is not deleted unasked', async () => {
  await open(admin, `${portal.url}/chains/${CHAIN}`);
  // The sign-in was minutes ago.
  const proof = await admin.request.post(`${portal.url}/api/session_prove`, {
    headers: { origin: portal.url },
    form: { password: ADMIN.password },
  });
  expect(proof.ok()).toBe(true);
  expect(await asked(admin, 'chain_delete', { name: CHAIN, typed: CHAIN })).toBe(409);
  await admin.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(admin.getByRole('dialog')).toContainText('It belongs to somebody, who loses it.');
  await admin.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
});

test('released, it is made anew and given to whoever waits', async ({ browser }) => {
  test.setTimeout(CHAIN_MS + LOOK_MS);
  const page = await visitor(browser);
  await signIn(page, portal, 'uma', PASSWORD);
  await open(page, `${portal.url}/chains/${CHAIN}`);
  await confirmed(page, 'Release', CHAIN);
  await operationDone(page, CHAIN_MS);
  expect((await page.request.get(`${portal.url}/chains/${CHAIN}`)).status()).toBe(404);
  await page.context().close();
  const next = await applying(browser, 'eve');
  await until(next, () => expect(next.getByRole('link', { name: CHAIN })).toBeVisible({ timeout: 1_000 }));
  await expect(next.locator('[data-test=queue]')).toHaveCount(0);
  await open(next, `${portal.url}/chains/${CHAIN}`);
  await expect(next.locator('[data-test=owner]')).toContainText('eve');
  await expect(next.locator('[data-test=inherited]')).toHaveCount(0);
  await next.context().close();
});

test('an operator extends it, and frees it as it is', async ({ browser }) => {
  test.setTimeout(CHAIN_MS);
  const page = await visitor(browser);
  await signIn(page, portal, 'otto', PASSWORD);
  await open(page, `${portal.url}/chains/${CHAIN}`);
  const before = await page.locator('[data-test=expires] time').getAttribute('datetime');
  await page.getByLabel('Hours').fill('0');
  await page.getByRole('button', { name: 'Extend', exact: true }).click();
  await expect(page.locator('#extend-hours-error')).not.toBeEmpty();
  await page.getByLabel('Hours').fill('5');
  await page.getByRole('button', { name: 'Extend', exact: true }).click();
  await expect(page.locator('[data-test=expires] time')).not.toHaveAttribute('datetime', before ?? '');
  await confirmed(page, 'Free without making anew');
  await operationDone(page, CHAIN_MS);
  await open(page, `${portal.url}/chains/${CHAIN}`);
  await expect(page.locator('[data-test=owner]')).toContainText('it is free');
  await page.context().close();
});

test('the next owner is told what they inherit', async ({ browser }) => {
  test.setTimeout(LOOK_MS + 60_000);
  const page = await applying(browser, 'uma');
  const card = page.locator('li.card').filter({ has: page.getByRole('heading', { name: 'Small', exact: true }) });
  await until(page, () => expect(card.locator('[data-test=free]')).toContainText('1 free', { timeout: 1_000 }));
  await card.getByRole('button').click();
  await expect(page).toHaveURL(new RegExp(`/chains/${CHAIN}$`));
  await expect(page.locator('[data-test=inherited]')).toBeVisible();
  await page.getByRole('button', { name: 'I know' }).click();
  await expect(page.locator('[data-test=inherited]')).toHaveCount(0);
  // What she may still call is told before she is refused.
  await open(page, `${portal.url}/chains/${CHAIN}/invoke`);
  await expect(page.locator('[data-test=calls-left]')).toContainText(/\d+ of \d+/);
  await page.context().close();
});

test('whoever deletes one in use says so', async () => {
  test.setTimeout(CHAIN_MS);
  await open(admin, `${portal.url}/chains/${CHAIN}`);
  await confirmed(admin, 'Delete', CHAIN);
  await provedAgain(admin, ADMIN.password, () => /\/operations\//.test(admin.url()));
  await operationDone(admin, CHAIN_MS);
});
