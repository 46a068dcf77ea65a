/** Role walls: what an operator and a user are offered, and what they get when they ask for more. */
import { expect, open, ownPortal, page as admin, portal, setUp, signIn, test, visitor } from '../visit.ts';
import type { Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const PASSWORD = 'a few plain words together';

ownPortal();

test('an admin makes an operator and a user', async () => {
  await setUp(admin, portal);
  for (const [name, role] of [
    ['otto', 'Operator'],
    ['uma', 'User'],
  ] as const) {
    await open(admin, `${portal.url}/users/new`);
    await admin.getByLabel('User name').fill(name);
    await admin.getByLabel('Password').fill(PASSWORD);
    await admin.getByLabel('Role').selectOption({ label: role });
    await admin.getByRole('button', { name: 'Create user' }).click();
    await expect(admin.getByRole('row').filter({ hasText: name })).toContainText(role);
  }
});

test('a name is given once', async () => {
  await open(admin, `${portal.url}/users/new`);
  await admin.getByLabel('User name').fill('uma');
  await admin.getByLabel('Password').fill(PASSWORD);
  await admin.getByRole('button', { name: 'Create user' }).click();
  await expect(admin.getByText('There is a user with this name already.').first()).toBeVisible();
});

for (const [name, allowed, walls] of [
  ['otto', ['/', '/hosts', '/chains', '/chains/new', '/operations', '/audit', '/notices', '/wall'], ['/users']],
  ['uma', ['/', '/chains', '/operations', '/audit', '/notices'], ['/users', '/users/new', '/hosts', '/hosts/new']],
] as const) {
  test(`${name} gets what the role allows and no more`, async ({ browser }) => {
    const page = await visitor(browser);
    await signIn(page, portal, name, PASSWORD);
    for (const address of allowed) {
      const answer = await page.goto(portal.url + address);
      expect(answer?.status(), `${name} ${address}`).toBe(200);
    }
    for (const address of walls) {
      const answer = await page.goto(portal.url + address);
      expect(answer?.status(), `${name} ${address}`).toBe(403);
      await expect(page.getByRole('heading', { name: 'You may not do this' })).toBeVisible();
      await expect(page.getByRole('navigation', { name: 'Main navigation' }).locator(`a[href="${address}"]`)).toHaveCount(0);
    }
    await page.context().close();
  });
}

test('the navigation leads each role to what it may list', async ({ browser }) => {
  const all = ['/', '/chains', '/hosts', '/operations', '/users', '/audit'];
  const leads = async (page: Page, addresses: readonly string[]): Promise<void> => {
    const links = page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link');
    await expect(links).toHaveCount(addresses.length);
    expect(await links.evaluateAll((found) => found.map((one) => one.getAttribute('href')))).toEqual(addresses);
  };
  await open(admin, portal.url);
  await leads(admin, all);
  const walls: Record<string, readonly string[]> = { otto: ['/users'], uma: ['/hosts', '/users'] };
  for (const [name, hidden] of Object.entries(walls)) {
    const page = await visitor(browser);
    await signIn(page, portal, name, PASSWORD);
    await leads(page, all.filter((address) => !hidden.includes(address)));
    await page.context().close();
  }
});

test('an operator without a host hears who adds one', async ({ browser }) => {
  const page = await visitor(browser);
  await signIn(page, portal, 'otto', PASSWORD);
  await expect(page.getByText('An administrator adds it.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Create demo chain' })).toHaveCount(0);
  await page.context().close();
});

test('signing out ends it, also in another tab', async ({ browser }) => {
  const first = await visitor(browser);
  const second = await first.context().newPage();
  await signIn(first, portal, 'otto', PASSWORD);
  await open(second, `${portal.url}/chains`);
  await first.getByRole('button', { name: 'Account' }).click();
  await first.getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect(first).toHaveURL(/\/login/);
  await second.goto(`${portal.url}/operations`);
  await expect(second).toHaveURL(/\/login\?next=/);
  await first.context().close();
});

test('signing out everywhere ends it in another browser', async ({ browser }) => {
  const here = await visitor(browser);
  const there = await visitor(browser);
  await signIn(here, portal, 'uma', PASSWORD);
  await signIn(there, portal, 'uma', PASSWORD);
  await here.getByRole('button', { name: 'Account' }).click();
  await here.getByRole('button', { name: 'Sign out everywhere' }).click();
  await expect(here).toHaveURL(/\/login/);
  await there.goto(`${portal.url}/chains`);
  await expect(there).toHaveURL(/\/login\?next=/);
  await here.context().close();
  await there.context().close();
});
