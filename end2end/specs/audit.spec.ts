/** The record of who did what: searching it by its address, what was changed, taking it away, and who sees what. */
import { readFile } from 'node:fs/promises';
import { ADMIN, accessible, expect, fits, open, ownPortal, page as admin, portal, setUp, signIn, test, visitor } from '../visit.ts';
import type { Locator, Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const PASSWORD = 'a few plain words together';

ownPortal();

const entries = (page: Page): Locator =>
  page.getByRole('region', { name: 'Audit' }).locator('> table > tbody > tr');

test('people do something', async ({ browser }) => {
  await setUp(admin, portal);
  for (const [name, role] of [['otto', 'operator'], ['uma', 'user']] as const) {
    const made = await admin.request.post(`${portal.url}/api/user_create`, {
      data: { user: { name, role, password: PASSWORD } },
      headers: { origin: portal.url },
    });
    expect(made.status()).toBe(200);
  }
  const page = await visitor(browser);
  await signIn(page, portal, 'uma', PASSWORD);
  expect((await page.goto(`${portal.url}/users`))?.status()).toBe(403);
  await page.context().close();
});

test('a search stands in the address and outlives a reload', async () => {
  await open(admin, `${portal.url}/audit`);
  expect(await entries(admin).count()).toBeGreaterThan(3);
  await admin.keyboard.press('/');
  await expect(admin.locator('#list-search')).toBeFocused();
  await admin.locator('#list-search').fill('uma');
  await admin.locator('#what').fill('user-list');
  await admin.locator('#result').fill('refused');
  await admin.getByRole('button', { name: 'Search' }).click();
  await expect(admin).toHaveURL(/who=uma/);
  // The page that was refused may have been asked for once more when its script arrived.
  await expect(entries(admin).first()).toContainText('user-list');
  await expect(entries(admin).filter({ hasNotText: 'user-list' })).toHaveCount(0);
  await open(admin, admin.url());
  await expect(admin.locator('#list-search')).toHaveValue('uma');
  await expect(entries(admin).first()).toContainText('user-list');
  await expect(entries(admin).filter({ hasNotText: 'user-list' })).toHaveCount(0);
  await open(admin, `${portal.url}/audit?object=chain/none`);
  await expect(admin.getByText('Nothing found')).toBeVisible();
  await open(admin, `${portal.url}/audit?from=yesterday`);
  await expect(admin.getByText('Write a day as 2026-11-30')).toBeVisible();
});

test('how long entries stay is changed, and the change tells before and after', async () => {
  await open(admin, `${portal.url}/audit`);
  await admin.getByLabel('Days until entries move to files').fill('90');
  const saved = admin.waitForResponse((answer) => answer.url().endsWith('/audit/keep'));
  await admin.getByRole('button', { name: 'Save' }).click();
  expect((await saved).status()).toBe(303);
  await open(admin, `${portal.url}/audit`);
  await expect(admin.getByLabel('Days until entries move to files')).toHaveValue('90');
  await open(admin, `${portal.url}/audit?what=audit-keep-set&result=ok`);
  const change = entries(admin).locator('details');
  await change.getByText('Changes').click();
  await expect(change.getByRole('row', { name: 'days' })).toContainText('90');
  await accessible(admin);
  await fits(admin);
});

test('what the search finds is taken away with the password', async () => {
  await open(admin, `${portal.url}/audit?who=uma`);
  await admin.locator('#format').selectOption('jsonl');
  await admin.locator('#export-password').fill(ADMIN.password);
  const coming = admin.waitForEvent('download');
  await admin.getByRole('button', { name: 'Export' }).click();
  const download = await coming;
  expect(download.suggestedFilename()).toBe('audit.jsonl');
  const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) {
    expect(JSON.parse(line)).toMatchObject({ who: 'uma', hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
  }
  await open(admin, `${portal.url}/audit?what=audit-export`);
  await expect(entries(admin)).toContainText('ok');
});

test('a user sees their own entries alone', async ({ browser }) => {
  const page = await visitor(browser);
  await signIn(page, portal, 'uma', PASSWORD);
  await open(page, `${portal.url}/audit`);
  expect(await entries(page).count()).toBeGreaterThan(1);
  for (const who of await entries(page).locator('> td:nth-child(2)').allInnerTexts()) {
    expect(who).toBe('uma');
  }
  await expect(page.getByRole('button', { name: 'Export' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Save' })).toHaveCount(0);
  await open(page, `${portal.url}/audit?who=ada`);
  await expect(page.getByText('Nothing found')).toBeVisible();
  await page.context().close();
});
