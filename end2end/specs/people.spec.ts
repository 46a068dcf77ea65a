/** People as an admin keeps them: invited, kept out, found in a list; and whoever asks for an account. */
import { ADMIN, expect, open, ownPortal, page as admin, portal, ready, setUp, signIn, test, visitor } from '../visit.ts';
import type { Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const PASSWORD = 'a few plain words together';

ownPortal();

/** The row of somebody in the list that is open. */
const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });

/** What the portal shows once, for the person whose account it is. */
async function shown(page: Page): Promise<string> {
  const text = await page.locator('code.once').innerText();
  expect(text).not.toBe('');
  return text;
}

async function detail(name: string): Promise<void> {
  await open(admin, `${portal.url}/users`);
  await row(admin, name).getByRole('link', { name }).click();
  await expect(admin.getByRole('heading', { level: 1, name })).toBeVisible();
}

test('whoever is invited chooses a password and signs in', async ({ browser }) => {
  await setUp(admin, portal);
  await open(admin, `${portal.url}/users/new`);
  await admin.getByLabel('User name').fill('ivy');
  await admin.getByLabel('E-mail').fill('Ivy@Example.org');
  await admin.getByRole('button', { name: 'Create user' }).click();
  const link = await shown(admin);
  expect(link).toMatch(new RegExp(`^${portal.url}/welcome\\?token=[0-9a-f]{64}$`));
  // Handed over as it is, and followed without a script.
  const ivy = await visitor(browser, { javaScriptEnabled: false });
  await ivy.goto(link);
  await ivy.getByLabel('New password').fill('short');
  await ivy.getByRole('button', { name: 'Set password' }).click();
  await expect(ivy.getByText('The password is too short.')).toBeVisible();
  await ivy.goto(link);
  await ivy.getByLabel('New password').fill(PASSWORD);
  await ivy.getByRole('button', { name: 'Set password' }).click();
  await expect(ivy).toHaveURL(/\/login/);
  await ivy.getByLabel('User name').fill('ivy');
  await ivy.getByLabel('Password').fill(PASSWORD);
  await ivy.getByRole('button', { name: 'Sign in' }).click();
  await expect(ivy.getByRole('navigation', { name: 'Main navigation' })).toBeVisible();
  await ivy.context().close();
  // It was good once.
  const late = await visitor(browser);
  await open(late, link);
  await late.getByLabel('New password').fill(PASSWORD);
  await late.getByRole('button', { name: 'Set password' }).click();
  await expect(late.getByText('This link is not good any more').first()).toBeVisible();
  await late.context().close();
  await open(admin, `${portal.url}/users`);
  await expect(row(admin, 'ivy')).toContainText('active');
  await expect(row(admin, 'ivy')).toContainText('ivy@example.org');
  await expect(row(admin, 'ivy')).toContainText('24 h each');
});

test('whoever is disabled is signed out and comes back when enabled', async ({ browser }) => {
  const ivy = await visitor(browser);
  await signIn(ivy, portal, 'ivy', PASSWORD);
  await detail('ivy');
  await admin.getByRole('button', { name: 'Disable' }).click();
  const question = admin.getByRole('dialog', { name: 'Disable' });
  await expect(question).toContainText('ivy is signed out everywhere');
  await question.getByRole('button', { name: 'Disable' }).click();
  await expect(admin.getByText('disabled', { exact: true })).toBeVisible();
  await ivy.goto(`${portal.url}/chains`);
  await expect(ivy).toHaveURL(/\/login\?next=/);
  await ready(ivy);
  await ivy.getByLabel('User name').fill('ivy');
  await ivy.getByLabel('Password').fill(PASSWORD);
  await ivy.getByRole('button', { name: 'Sign in' }).click();
  await expect(ivy.getByRole('alert').filter({ hasText: /\S/ })).toBeVisible();
  await admin.getByRole('button', { name: 'Enable' }).click();
  await expect(admin.getByText('active', { exact: true })).toBeVisible();
  await signIn(ivy, portal, 'ivy', PASSWORD);
  await ivy.context().close();
});

test('what cannot be done to oneself says why', async () => {
  await detail('ada');
  await expect(admin.getByRole('button', { name: 'Disable' })).toBeDisabled();
  await expect(admin.getByRole('button', { name: 'Delete user' })).toBeDisabled();
  await expect(admin.getByText('Not for your own account').first()).toBeVisible();
});

test('a filter stands in the address and survives a reload', async () => {
  await open(admin, `${portal.url}/users/new`);
  await admin.getByLabel('User name').fill('gina');
  await admin.getByLabel('First sign-in').selectOption('generated');
  await admin.getByRole('button', { name: 'Create user' }).click();
  expect(await shown(admin)).toMatch(/^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/);
  await open(admin, `${portal.url}/users`);
  await admin.getByLabel('Role').selectOption('admin');
  await expect(admin).toHaveURL(/role=admin/);
  await expect(row(admin, 'ada')).toBeVisible();
  await expect(row(admin, 'gina')).toHaveCount(0);
  await admin.reload();
  await ready(admin);
  await expect(admin.getByLabel('Role')).toHaveValue('admin');
  await expect(row(admin, 'ada')).toBeVisible();
  await expect(row(admin, 'gina')).toHaveCount(0);
  await open(admin, `${portal.url}/users?text=gin`);
  await expect(row(admin, 'gina')).toBeVisible();
  await expect(row(admin, 'ada')).toHaveCount(0);
  await open(admin, `${portal.url}/users?text=nobody-at-all`);
  await expect(admin.getByText('Nobody fits')).toBeVisible();
});

test('a quota of somebody stays when the page is read again', async () => {
  await detail('gina');
  await admin.getByLabel('How much').selectOption('own');
  await admin.getByLabel('Chains at the same time').fill('7');
  await admin.getByLabel('Hours a chain lasts').fill('');
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(admin.getByText('7 chains · 600 calls a minute')).toBeVisible();
  await admin.reload();
  await ready(admin);
  await expect(admin.getByLabel('Chains at the same time')).toHaveValue('7');
});

test('whoever registers waits for an admin', async ({ browser }) => {
  const nora = await visitor(browser);
  expect((await nora.goto(`${portal.url}/register`))?.status()).toBe(404);
  await open(admin, `${portal.url}/users`);
  await admin.getByRole('button', { name: 'Let people register' }).click();
  await expect(admin.getByRole('button', { name: 'Close registration' })).toBeVisible();
  for (const name of ['nora', 'ivy']) {
    await open(nora, `${portal.url}/register`);
    await nora.getByLabel('User name').fill(name);
    await nora.getByLabel('E-mail').fill(`${name}@example.org`);
    await nora.getByLabel('Password').fill(PASSWORD);
    await nora.getByRole('button', { name: 'Send request' }).click();
    await expect(nora.getByText('Your request has been sent')).toBeVisible();
  }
  await open(admin, `${portal.url}/users?state=waiting`);
  await expect(row(admin, 'ivy')).toHaveCount(0);
  await row(admin, 'nora').getByRole('link', { name: 'nora' }).click();
  await admin.getByRole('button', { name: 'Approve' }).click();
  await expect(admin.getByText('active', { exact: true })).toBeVisible();
  await signIn(nora, portal, 'nora', PASSWORD);
  await nora.context().close();
});

test('a user is deleted by the typed name', async () => {
  await detail('nora');
  await admin.getByRole('button', { name: 'Delete user' }).click();
  const question = admin.getByRole('dialog', { name: 'Delete user' });
  const goes = question.getByRole('button', { name: 'Delete user' });
  await expect(goes).toBeDisabled();
  await question.getByRole('textbox').fill('nora');
  // As minutes after the sign-in, for which no test waits.
  const refusal = { problem: { refused: { kind: 'forbidden', code: 'password-again' } }, request_id: null };
  await admin.route(
    '**/api/user_delete',
    (route) => route.fulfill({ status: 403, contentType: 'application/json', body: JSON.stringify(refusal) }),
    { times: 1 },
  );
  await goes.click();
  const again = admin.getByRole('dialog', { name: 'Your password, once more' });
  await again.getByLabel('Password').fill(ADMIN.password);
  await again.getByRole('button', { name: 'Next' }).click();
  await expect(admin).toHaveURL(`${portal.url}/users`);
  await expect(row(admin, 'ivy')).toBeVisible();
  await expect(row(admin, 'nora')).toHaveCount(0);
});
