/**
 * Lists and what makes every day easier: search, filters and order in the address, selected rows, chosen columns, files,
 * the palette and the keys, forms that are not left by a slip, the end of a session, and the manual.
 */
import { readFile } from 'node:fs/promises';

import {
  ADMIN,
  accessible,
  deleteChain,
  expect,
  open,
  operationDone,
  ownPortal,
  page,
  portal,
  ready,
  setUp,
  signIn,
  test,
  visitor,
} from '../visit.ts';

test.describe.configure({ mode: 'serial' });

const CHAIN = 'first';

ownPortal();

test('a portal with a host and a chain', async () => {
  await setUp(page, portal);
  await open(page, `${portal.url}/hosts/new`);
  await page.getByRole('button', { name: 'Add host' }).click();
  await expect(page).toHaveURL(/\/hosts\/(?!new)[^/]+$/);
  await open(page, `${portal.url}/chains/new`);
  for (let step = 0; step < 3; step += 1) {
    await page.getByRole('button', { name: 'Next' }).click();
  }
  await page.getByRole('button', { name: 'Create chain' }).click();
  await operationDone(page);
});

test('U12: a list is searched, filtered and sorted by the server', async () => {
  await open(page, `${portal.url}/chains`);
  const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: CHAIN, exact: true }) });
  await expect(row).toHaveCount(1);
  await page.getByLabel('Search').fill('nothing');
  await expect(page.getByText('Nothing found')).toBeVisible();
  await expect(page).toHaveURL(/text=nothing/);
  await expect(page.getByLabel('Search')).toBeFocused();
  await page.getByLabel('Search').fill('');
  await expect(row).toHaveCount(1);
  await page.getByRole('combobox', { name: 'State' }).selectOption('stopped');
  await expect(page).toHaveURL(/state=stopped/);
  await expect(row).toHaveCount(0);
  await page.getByRole('combobox', { name: 'State' }).selectOption('running');
  await expect(row).toHaveCount(1);
  await page.getByRole('link', { name: 'Created' }).click();
  await expect(page).toHaveURL(/sort=created/);
  await expect(page.getByRole('columnheader', { name: 'Created' })).toHaveAttribute('aria-sort', 'ascending');
  await page.getByRole('link', { name: 'Created' }).click();
  await expect(page.getByRole('columnheader', { name: 'Created' })).toHaveAttribute('aria-sort', 'descending');
  await accessible(page);
});

test('U13: what a list shows stands in its address', async ({ browser }) => {
  const address = `${portal.url}/chains?text=fir&state=running&sort=-name`;
  const other = await visitor(browser);
  await signIn(other, portal, ADMIN.name, ADMIN.password);
  await open(other, address);
  await expect(other.getByLabel('Search')).toHaveValue('fir');
  await expect(other.getByRole('combobox', { name: 'State' })).toHaveValue('running');
  await expect(other.getByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'descending');
  await expect(other.getByRole('link', { name: CHAIN, exact: true })).toBeVisible();
  await other.reload();
  await expect(other).toHaveURL(address);
  await expect(other.getByLabel('Search')).toHaveValue('fir');
  await other.context().close();
});

test('U43: a list is searched without a script', async ({ browser }) => {
  const plain = await visitor(browser, { javaScriptEnabled: false });
  await plain.goto(`${portal.url}/login`);
  await plain.getByLabel('User name').fill(ADMIN.name);
  await plain.getByLabel('Password').fill(ADMIN.password);
  await plain.getByRole('button', { name: 'Sign in' }).click();
  await plain.goto(`${portal.url}/chains?sort=-name`);
  await plain.getByLabel('Search').fill('fir');
  await plain.getByRole('button', { name: 'Show' }).click();
  await expect(plain).toHaveURL(/text=fir/);
  await expect(plain).toHaveURL(/sort=-name/);
  await expect(plain.getByRole('link', { name: CHAIN, exact: true })).toBeVisible();
  await plain.context().close();
});

test('U16: columns are chosen and stay so, and a list is had as a file', async () => {
  await open(page, `${portal.url}/chains`);
  const version = page.getByRole('columnheader', { name: 'Version' });
  await expect(version).toBeVisible();
  const choice = page.locator('.list-columns');
  await choice.locator('summary').click();
  await choice.getByLabel('Version').uncheck();
  await expect(version).toBeHidden();
  await page.reload();
  await ready(page);
  await expect(version).toBeHidden();
  await choice.locator('summary').click();
  await choice.getByLabel('Version').check();
  await expect(version).toBeVisible();
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'CSV file' }).click();
  const file = await (await download).path();
  const lines = (await readFile(file, 'utf8')).split('\r\n');
  expect(lines[0]).toContain('"name","state","health"');
  expect(lines[1]).toContain(`"${CHAIN}","running"`);
});

test('U14, U15: what is selected stays while things change, and each row says what came of it', async () => {
  await open(page, `${portal.url}/chains`);
  await page.getByLabel('Select all rows of this page').check();
  await expect(page.getByText('1 selected')).toBeVisible();
  await page.getByLabel('Search').fill('fir');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  const results = page.locator('.list-results');
  await expect(results.getByRole('link', { name: 'under way' })).toBeVisible();
  // The chain changes under the list; text and selection stay.
  const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: CHAIN, exact: true }) });
  await expect(row).toContainText('stopped', { timeout: 60_000 });
  await expect(page.getByLabel(`Select ${CHAIN}`)).toBeChecked();
  await expect(page.getByLabel('Search')).toHaveValue('fir');
  // A chain that is stopped cannot be stopped: the row says so.
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(results.getByRole('listitem')).toContainText('stopped');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await expect(row).toContainText('running', { timeout: 60_000 });
});

test('U8: the palette opens by a key and leads anywhere', async () => {
  await open(page, portal.url);
  await page.keyboard.press('Control+k');
  const text = page.getByRole('combobox', { name: 'Go to' });
  await expect(text).toBeFocused();
  await text.fill('audi');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/audit$/);
  await page.keyboard.press('Control+k');
  await expect(text).toBeFocused();
  await text.fill(CHAIN);
  await page.getByRole('option', { name: new RegExp(`Chain\\s+${CHAIN}`) }).click();
  await expect(page).toHaveURL(new RegExp(`/chains/${CHAIN}$`));
  await page.keyboard.press('Control+k');
  await text.fill('dark');
  await accessible(page);
  await page.keyboard.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.keyboard.press('Control+k');
  await page.keyboard.press('Escape');
  await expect(text).toBeHidden();
  // It is there already: opening it takes a moment.
  const took = await page.evaluate(async () => {
    const begin = performance.now();
    window.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, bubbles: true }));
    while (document.querySelector('dialog.palette[open]') === null) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return performance.now() - begin;
  });
  expect(took).toBeLessThan(100);
  await page.keyboard.press('Escape');
});

test('U9: keys without a modifier work outside of fields, until they are switched off', async () => {
  await open(page, `${portal.url}/chains`);
  await page.keyboard.press('/');
  await expect(page.getByLabel('Search')).toBeFocused();
  await page.keyboard.type('g?');
  await expect(page.getByLabel('Search')).toHaveValue('g?');
  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('g');
  await page.keyboard.press('h');
  await expect(page).toHaveURL(/\/hosts$/);
  await page.keyboard.press('?');
  const keys = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(keys).toBeVisible();
  await keys.getByLabel('Use keys without Ctrl').uncheck();
  await keys.getByRole('button', { name: 'Close' }).click();
  await page.keyboard.press('?');
  await expect(keys).toBeHidden();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Go to' }).fill('keyboard');
  await page.keyboard.press('Enter');
  await keys.getByLabel('Use keys without Ctrl').check();
  await keys.getByRole('button', { name: 'Close' }).click();
});

test('U42: a form that is not saved is not left without a question', async () => {
  await open(page, `${portal.url}/chains`);
  await page.getByRole('link', { name: 'Create chain' }).first().click();
  await expect(page).toHaveURL(/\/chains\/new$/);
  await page.getByLabel('Chain name').fill('unsaved');
  const answer = async (stay: boolean, leave: () => Promise<unknown>): Promise<void> => {
    const asked = page.waitForEvent('dialog');
    const left = leave();
    const dialog = await asked;
    await (stay ? dialog.dismiss() : dialog.accept());
    await left;
  };
  await answer(true, () => page.getByRole('link', { name: 'Hosts' }).first().click());
  await expect(page).toHaveURL(/\/chains\/new$/);
  await answer(true, () => page.evaluate(() => history.back()));
  await expect(page.getByLabel('Chain name')).toHaveValue('unsaved');
  await expect(page).toHaveURL(/\/chains\/new$/);
  await answer(false, () => page.getByRole('link', { name: 'Hosts' }).first().click());
  await expect(page).toHaveURL(/\/hosts$/);
});

test('U51: the end of a session is told before, and what was typed outlasts it', async ({ browser }) => {
  const guest = await visitor(browser);
  await signIn(guest, portal, ADMIN.name, ADMIN.password);
  await guest.clock.install();
  await open(guest, `${portal.url}/chains/new`);
  await guest.getByLabel('Chain name').fill('kept');
  // The page knows the end of its session by its own clock from here on.
  const times = guest.waitForResponse((response) => response.url().endsWith('/api/session_times'));
  await guest.clock.runFor('01:05');
  await (await times).finished();
  await guest.clock.runFor('00:02');
  await guest.clock.fastForward('28:05');
  const warning = guest.getByRole('region', { name: 'You will be signed out soon' });
  await expect(warning).toBeVisible();
  await warning.getByRole('button', { name: 'Stay signed in' }).click();
  await expect(warning).toBeHidden();
  await guest.context().clearCookies();
  await guest.clock.fastForward('31:00');
  const ended = guest.getByRole('dialog', { name: 'Your session has ended' });
  await expect(ended).toBeVisible();
  await ended.getByLabel('Password').fill(ADMIN.password);
  await ended.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(ended).toBeHidden();
  await expect(guest).toHaveURL(/\/chains\/new$/);
  await expect(guest.getByLabel('Chain name')).toHaveValue('kept');
  await guest.context().close();
});

test('U52: each page leads to what the manual tells of it, in both languages', async () => {
  const sections = [
    ['/', 'overview', 'Overview', '概览'],
    ['/hosts', 'hosts', 'Hosts', '主机'],
    ['/chains', 'chains', 'Chains', '链'],
    ['/audit', 'audit', 'Audit', '审计'],
  ] as const;
  for (const [path, section, english, chinese] of sections) {
    await open(page, portal.url + path);
    await page.getByRole('link', { name: 'Manual', exact: true }).click();
    await expect(page).toHaveURL(new RegExp(`/help/${section}$`));
    await expect(page.getByRole('article').getByRole('heading', { level: 2 }).first()).toHaveText(english);
    await page.getByRole('button', { name: 'Language' }).click();
    await page.getByRole('button', { name: '简体中文' }).click();
    await expect(page.getByRole('article').getByRole('heading', { level: 2 }).first()).toHaveText(chinese);
    await page.getByRole('button', { name: '语言' }).click();
    await page.getByRole('button', { name: 'English' }).click();
  }
  await accessible(page);
  const nowhere = await page.goto(`${portal.url}/help/nowhere`);
  expect(nowhere?.status()).toBe(404);
});

test('the chain goes away again', async () => {
  await deleteChain(page, portal, CHAIN);
});
