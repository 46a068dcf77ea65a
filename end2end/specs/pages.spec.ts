/**
 * What holds on every page: both languages, both themes, narrow and wide, keyboard, axe, no content-policy violation;
 * and the portal from nothing to a running chain in few clicks.
 */
import { Portal } from '../portal.ts';
import { accessible, expect, fits, open, operationDone, ready, setUp, test, visitor, ADMIN } from '../visit.ts';
import type { Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const CHAIN = 'demo';
const WIDTHS = [360, 1280, 1920] as const;
/** Of each kind of page one. */
const ADDRESSES = [
  '/',
  '/hosts',
  '/hosts/new',
  '/chains',
  '/chains/new',
  `/chains/${CHAIN}`,
  `/chains/${CHAIN}/channels`,
  `/chains/${CHAIN}/chaincode`,
  `/chains/${CHAIN}/invoke`,
  `/chains/${CHAIN}/transactions`,
  `/chains/${CHAIN}/nodes/orderer0`,
  `/chains/${CHAIN}/blocks/mychannel/0`,
  '/operations',
  '/users',
  '/audit',
  '/nothing/here',
] as const;

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

test('from the first page to a running demo chain: one click', async () => {
  await setUp(page, portal);
  await accessible(page);
  await page.getByRole('button', { name: 'Create demo chain' }).click();
  await operationDone(page);
});

for (const [theme, tag] of [
  ['light', 'en'],
  ['dark', 'zh-CN'],
] as const) {
  test(`every page in ${theme} and ${tag}, narrow and wide`, async ({ browser }) => {
    test.setTimeout(300_000);
    const state = await page.context().storageState();
    const guest = await visitor(browser, { storageState: state, locale: tag, colorScheme: theme });
    // The choice of the first visit stands in cookies; this visitor has made none.
    await guest.context().clearCookies({ name: /lang|theme/ });
    for (const address of ADDRESSES) {
      await open(guest, portal.url + address);
      await expect(guest).toHaveURL(portal.url + address);
      await expect(guest.locator('html')).toHaveAttribute('lang', tag);
      for (const width of WIDTHS) {
        await guest.setViewportSize({ width, height: 900 });
        await fits(guest);
        const name = `${address.replaceAll('/', '_')}-${tag}-${theme}-${width}.png`;
        await guest.screenshot({ path: `test-results/pages/${name}`, fullPage: true });
      }
      await accessible(guest);
    }
    await guest.context().close();
  });
}

test('language and theme change without a reload and stay', async () => {
  await open(page, portal.url);
  await page.evaluate(() => ((window as unknown as { kept: boolean }).kept = true));
  await page.getByRole('button', { name: 'Language' }).click();
  await page.getByText('中文').click();
  await expect(page.getByRole('heading', { name: '概览' })).toBeVisible();
  await page.getByRole('button', { name: '主题' }).click();
  await page.getByText('深色').click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  expect(await page.evaluate(() => (window as unknown as { kept?: boolean }).kept)).toBe(true);
  await page.reload();
  await ready(page);
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('an unknown address says so with the status of one', async () => {
  for (const address of ['/nothing', '/chains/none', '/operations/none', '/hosts/none', `/chains/${CHAIN}/nodes/none`]) {
    const answer = await page.request.get(portal.url + address);
    expect(answer.status(), address).toBe(404);
  }
});

test('sign-in works without WebAssembly, and leads back', async ({ browser }) => {
  const plain = await visitor(browser, { javaScriptEnabled: false });
  await plain.goto(`${portal.url}/chains`);
  await expect(plain).toHaveURL(/\/login\?next=/);
  await plain.getByLabel('User name').fill(ADMIN.name);
  await plain.getByLabel('Password').fill('wrong');
  await plain.getByRole('button', { name: 'Sign in' }).click();
  await expect(plain.getByText('User name or password is wrong.')).toBeVisible();
  await plain.getByLabel('User name').fill(ADMIN.name);
  await plain.getByLabel('Password').fill(ADMIN.password);
  await plain.getByRole('button', { name: 'Sign in' }).click();
  await expect(plain).toHaveURL(/\/chains$/);
  await expect(plain.getByText(CHAIN).first()).toBeVisible();
  await plain.context().close();
});

test('eight tabs share one stream of events and see a change', async () => {
  await page.context().clearCookies({ name: /lang|theme/ });
  const tabs = [];
  for (let n = 0; n < 8; n += 1) {
    const tab = await page.context().newPage();
    await open(tab, `${portal.url}/chains/${CHAIN}`);
    tabs.push(tab);
  }
  const [first] = tabs;
  if (first === undefined) {
    throw new Error('no tab');
  }
  await first.getByRole('button', { name: 'Stop', exact: true }).click();
  await first.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }).click();
  for (const tab of tabs.slice(1)) {
    await expect(tab.getByText('stopped').first()).toBeVisible({ timeout: 60_000 });
    await tab.close();
  }
  await operationDone(first);
  await first.close();
});

test('the keyboard reaches the content first', async () => {
  await open(page, portal.url);
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('#main')).toBeFocused();
});

test('the demo chain goes away again', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}`);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(`Type ${CHAIN} to confirm`).fill(CHAIN);
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await operationDone(page);
});
