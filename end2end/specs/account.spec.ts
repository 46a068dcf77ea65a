/** One's own account by its page: profile, password, second factor, sessions, and the password that is asked for again. */
import { createHmac } from 'node:crypto';

import { ADMIN, accessible, expect, fits, open, ownPortal, page, portal, ready, setUp, signIn, test, visitor } from '../visit.ts';

test.describe.configure({ mode: 'serial' });

const OTHER = 'other plain words together';
const STEP_MS = 30_000;

ownPortal();

let secret = '';
let recovery: string[] = [];

/** What an app shows for a secret, some half minutes from now (RFC 6238). */
function code(ahead = 0): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replaceAll(' ', '')].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const bytes = bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [];
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / STEP_MS) + ahead));
  const tag = createHmac('sha1', Buffer.from(bytes)).update(counter).digest();
  const offset = tag.readUInt8(tag.length - 1) & 15;
  return String((tag.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

const card = (title: string) => page.locator('section.card').filter({ has: page.getByRole('heading', { name: title, exact: true }) });

test('the menu of the account leads to its page, which says who somebody is', async () => {
  await setUp(page, portal);
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('link', { name: 'Your account' }).click();
  await expect(page.getByRole('heading', { name: 'Your account' })).toBeVisible();
  await ready(page);
  await page.getByLabel('Shown name').fill('Ada Lovelace');
  await page.getByLabel('Time zone').fill('Asia/Tokyo');
  await card('Profile').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  await open(page, `${portal.url}/account`);
  await expect(page.getByLabel('Shown name')).toHaveValue('Ada Lovelace');
  await expect(page.getByRole('img', { name: 'Picture of Ada Lovelace' })).toContainText('AL');
  await accessible(page);
  await fits(page);
});

test('a field that is refused says why, and what is typed stays', async () => {
  await page.getByLabel('Shown name').fill('Ada, Countess');
  await page.getByLabel('Time zone').fill('no zone at all');
  await card('Profile').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('No time zone has such a name.')).toBeVisible();
  await expect(page.getByLabel('Shown name')).toHaveValue('Ada, Countess');
});

test('U42: what is typed into a form of the account is not left without a question until it is saved', async () => {
  const profile = card('Profile');
  const stays = async (): Promise<void> => {
    const asked = page.waitForEvent('dialog');
    const left = page.getByRole('link', { name: 'Chains' }).first().click();
    await (await asked).dismiss();
    await left;
    await expect(page).toHaveURL(`${portal.url}/account`);
  };
  // What was refused is still there.
  await stays();
  await expect(page.getByLabel('Shown name')).toHaveValue('Ada, Countess');
  await page.getByLabel('Present password').fill('not sent');
  await stays();
  await page.getByLabel('Time zone').fill('Asia/Tokyo');
  await profile.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  await stays();
  await open(page, `${portal.url}/account`);
  await page.getByLabel('Shown name').fill('Ada Lovelace');
  await profile.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  await page.getByRole('link', { name: 'Chains' }).first().click();
  await expect(page).toHaveURL(`${portal.url}/chains`);
});

test('times stand in the zone of the profile', async () => {
  await open(page, `${portal.url}/account`);
  const time = card('Sessions').getByRole('row').nth(1).locator('time').first();
  const iso = await time.getAttribute('datetime');
  const wanted = new Date(iso ?? '').toLocaleString('en', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'Asia/Tokyo' });
  await expect(time).toHaveText(wanted);
});

test('sessions are listed, and one is ended from another browser', async ({ browser }) => {
  const there = await visitor(browser);
  await signIn(there, portal, ADMIN.name, ADMIN.password);
  await open(page, `${portal.url}/account`);
  const rows = card('Sessions').getByRole('row');
  await expect(rows).toHaveCount(3);
  await rows.filter({ hasNotText: 'this one' }).getByRole('button', { name: 'End session' }).click();
  await expect(rows).toHaveCount(2);
  await there.goto(`${portal.url}/chains`);
  await expect(there).toHaveURL(/\/login\?next=/);
  await there.context().close();
});

test('a second factor is set up with a picture for the app, and shown once', async () => {
  await open(page, `${portal.url}/account`);
  const factor = card('Second factor');
  await factor.getByRole('button', { name: 'Set up' }).click();
  await expect(factor.getByRole('img', { name: 'Picture for the camera of your app' })).toBeVisible();
  secret = await factor.locator('code').first().innerText();
  recovery = await factor.locator('.codes li').allInnerTexts();
  expect(recovery).toHaveLength(10);
  await accessible(page);
  await factor.getByLabel('Code that the app shows now').fill('000000');
  await factor.getByRole('button', { name: 'Confirm and switch on' }).click();
  await expect(factor.getByText('The code is wrong or was used before.')).toBeVisible();
  await factor.getByLabel('Code that the app shows now').fill(code());
  await factor.getByRole('button', { name: 'Confirm and switch on' }).click();
  await expect(factor.getByText('Recovery codes left: 10')).toBeVisible();
  await expect(page.getByText(secret)).toHaveCount(0);
});

test('the sign-in asks for the code, with and without a script', async ({ browser }) => {
  const used = code(1);
  for (const javaScriptEnabled of [true, false]) {
    const guest = await visitor(browser, { javaScriptEnabled });
    await guest.goto(`${portal.url}/login?next=/operations`);
    if (javaScriptEnabled) await ready(guest);
    await guest.getByLabel('User name').fill(ADMIN.name);
    await guest.getByLabel('Password').fill(ADMIN.password);
    await guest.getByRole('button', { name: 'Sign in' }).click();
    await expect(guest).toHaveURL(/\/login\/code\?next=/);
    const field = guest.getByLabel('Code');
    await expect(field).toHaveAttribute('autocomplete', 'one-time-code');
    if (javaScriptEnabled) await ready(guest);
    // The same code does not count twice: there a recovery code does.
    await field.fill(javaScriptEnabled ? used : (recovery[0] ?? ''));
    await guest.getByRole('button', { name: 'Sign in' }).click();
    await expect(guest).toHaveURL(`${portal.url}/operations`);
    await guest.context().close();
  }
});

test('a password is changed with the old one, and the new one signs in', async ({ browser }) => {
  await open(page, `${portal.url}/account`);
  await page.getByLabel('Present password').fill('a wrong one');
  await page.getByLabel('New password').fill(OTHER);
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(card('Password').getByText('User name or password is wrong.')).toBeVisible();
  await page.getByLabel('Present password').fill(ADMIN.password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('The password is changed.')).toBeVisible();
  await page.goto(`${portal.url}/account`);
  await expect(page.getByRole('heading', { name: 'Your account' })).toBeVisible();
  const guest = await visitor(browser);
  await open(guest, `${portal.url}/login`);
  await guest.getByLabel('User name').fill(ADMIN.name);
  await guest.getByLabel('Password').fill(OTHER);
  await guest.getByRole('button', { name: 'Sign in' }).click();
  await expect(guest.getByRole('heading', { name: 'Second factor' })).toBeVisible();
  await accessible(guest);
  await fits(guest);
  await guest.context().close();
});

test('a second factor is removed again', async () => {
  await open(page, `${portal.url}/account`);
  const factor = card('Second factor');
  await factor.getByRole('button', { name: 'Remove second factor' }).click();
  await expect(factor.getByText('You have none.')).toBeVisible();
});

test('an admin says which roles need a second factor, and who lacks it gets nothing else', async ({ browser }) => {
  await open(page, `${portal.url}/users/new`);
  await page.getByLabel('User name').fill('uma');
  await page.getByLabel('Password').fill(OTHER);
  await page.getByLabel('Role').selectOption({ label: 'User' });
  await page.getByRole('button', { name: 'Create user' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'uma' })).toBeVisible();
  await open(page, `${portal.url}/account`);
  const required = card('Who needs a second factor');
  await required.getByLabel('User', { exact: true }).check();
  await required.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  const uma = await visitor(browser);
  await open(uma, `${portal.url}/login`);
  await uma.getByLabel('User name').fill('uma');
  await uma.getByLabel('Password').fill(OTHER);
  await uma.getByRole('button', { name: 'Sign in' }).click();
  await expect(uma).toHaveURL(`${portal.url}/account`);
  await expect(uma.getByText('Your role needs a second factor.')).toBeVisible();
  await expect(uma.getByRole('heading', { name: 'Sessions' })).toHaveCount(0);
  await uma.context().close();
});

test('what needs the password again asks for it, and is then done as it was asked', async () => {
  await open(page, `${portal.url}/account`);
  // As minutes after the sign-in, for which no test waits.
  const refusal = { problem: { refused: { kind: 'forbidden', code: 'password-again' } }, request_id: null };
  await page.route(
    '**/api/second_factor_roles_save',
    (route) => route.fulfill({ status: 403, contentType: 'application/json', body: JSON.stringify(refusal) }),
    { times: 1 },
  );
  const required = card('Who needs a second factor');
  await required.getByLabel('Operator', { exact: true }).check();
  await required.getByRole('button', { name: 'Save' }).click();
  const again = page.getByRole('dialog', { name: 'Your password, once more' });
  await again.getByLabel('Password').fill('a wrong one');
  await again.getByRole('button', { name: 'Next' }).click();
  await expect(again.getByText('User name or password is wrong.')).toBeVisible();
  await accessible(page);
  await again.getByLabel('Password').fill(OTHER);
  await again.getByRole('button', { name: 'Next' }).click();
  await expect(again).toBeHidden();
  await expect(page.getByText('Saved.')).toBeVisible();
  await expect(required.getByLabel('Operator', { exact: true })).toBeChecked();
  await open(page, `${portal.url}/account`);
  await expect(card('Who needs a second factor').getByLabel('Operator', { exact: true })).toBeChecked();
});
