/**
 * Without a mouse and without a script: the wizard by keyboard alone, menus and dialogs that Escape closes, forms
 * that work before or without WebAssembly, a theme that is there with the first byte, ids that one click copies,
 * and addresses that lead nowhere.
 */
import {
  deleteChain,
  expect,
  open,
  operationDone,
  ownPortal,
  page,
  portal,
  ready,
  signIn,
  test,
  visitor,
  ADMIN,
} from '../visit.ts';
import type { Locator, Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const CHAIN = 'byhand';
const PASSWORD = 'a few plain words together';
/** Most stops on the way to anything. */
const STOPS_MAX = 60;
/** The ground of the pages, as the style sheet has it. */
const GROUND = { light: 'rgb(246, 247, 249)', dark: 'rgb(16, 20, 24)' } as const;

ownPortal();

for (const [chosen, system, shown] of [
  ['dark', 'light', 'dark'],
  ['light', 'dark', 'light'],
  ['system', 'dark', 'dark'],
  ['system', 'light', 'light'],
] as const) {
  test(`the theme ${chosen} on a ${system} system is there with the first byte`, async ({ browser }) => {
    // Without a script nothing can repaint: what is seen is what was sent.
    const guest = await visitor(browser, { javaScriptEnabled: false, colorScheme: system });
    await guest.context().addCookies([{ name: 'heddle_theme', value: chosen, url: portal.url }]);
    const answer = await guest.goto(`${portal.url}/setup`);
    expect(await answer?.text()).toMatch(new RegExp(`<html[^>]*\\sdata-theme="${chosen}"`));
    await expect(guest.locator('html')).toHaveCSS('background-color', GROUND[shown]);
    await guest.context().close();
  });
}

test('language and theme are chosen without a script, and stay', async ({ browser }) => {
  const plain = await visitor(browser, { javaScriptEnabled: false });
  const html = plain.locator('html');
  await plain.goto(`${portal.url}/setup?from=here`);
  await expect(html).toHaveAttribute('lang', 'en');
  await plain.getByRole('button', { name: 'Language' }).click();
  await plain.getByRole('button', { name: '简体中文' }).click();
  await expect(html).toHaveAttribute('lang', 'zh-CN');
  await expect(plain).toHaveURL(`${portal.url}/setup?from=here`);
  await plain.getByRole('button', { name: '主题' }).click();
  await plain.getByRole('button', { name: '深色' }).click();
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await expect(html).toHaveAttribute('lang', 'zh-CN');
  await expect(html).toHaveCSS('background-color', GROUND.dark);
  await plain.goto(`${portal.url}/nothing`);
  await expect(html).toHaveAttribute('lang', 'zh-CN');
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await plain.context().close();
});

test('the first admin is made without a script, by the right token only', async ({ browser }) => {
  const plain = await visitor(browser, { javaScriptEnabled: false });
  const token = await portal.setupToken();
  const send = async (given: string): Promise<void> => {
    await plain.getByLabel('One-time token').fill(given);
    await plain.getByLabel('User name').fill(ADMIN.name);
    await plain.getByLabel('Password').fill(ADMIN.password);
    await plain.getByRole('button', { name: 'Create administrator' }).click();
  };
  await plain.goto(`${portal.url}/setup`);
  const wrong = '0'.repeat(token.length);
  await send(wrong);
  await expect(plain.getByText('The token is wrong.')).toBeVisible();
  await expect(plain).toHaveURL(/\/setup/);
  for (const secret of [wrong, encodeURIComponent(ADMIN.password), ADMIN.password.replaceAll(' ', '+')]) {
    expect(plain.url()).not.toContain(secret);
  }
  await send(token);
  await expect(plain.getByRole('heading', { name: 'Overview' })).toBeVisible();
  const answer = await plain.goto(`${portal.url}/setup`);
  expect(answer?.status()).toBe(404);
  await plain.context().close();
});

test('a portal with a host', async () => {
  await signIn(page, portal, ADMIN.name, ADMIN.password);
  await open(page, `${portal.url}/hosts/new`);
  await page.getByRole('button', { name: 'Add host' }).click();
  await expect(page).toHaveURL(/\/hosts\/(?!new)[^/]+$/);
});

/** What has the focus, if it cannot be seen there; empty if it can. */
function unseen(hand: Page): Promise<string> {
  return hand.evaluate(() => {
    const one = document.activeElement;
    if (one === null || one === document.body) {
      return 'nothing';
    }
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) > 0 ? '' : one.outerHTML.slice(0, 200);
  });
}

/** Goes on with the tab key until something has the focus. Every stop but the end of the page can be seen. */
async function reach(hand: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  let ends = 0;
  for (let stops = 0; stops < STOPS_MAX; stops += 1) {
    await hand.keyboard.press('Tab');
    const where = await unseen(hand);
    ends += where === 'nothing' ? 1 : 0;
    if (where !== 'nothing') {
      expect(where, 'a stop that cannot be seen').toBe('');
    }
    expect(ends, 'the focus got lost').toBeLessThan(2);
    if (await target.evaluate((one) => one === document.activeElement)) {
      return;
    }
  }
  throw new Error(`${STOPS_MAX} stops do not lead to ${target}`);
}

/** Goes to a field and types over what stands there. */
async function fillIn(hand: Page, field: Locator, text: string): Promise<void> {
  await reach(hand, field);
  await hand.keyboard.press('Control+A');
  await hand.keyboard.type(text);
}

test('sign-in, wizard and creation by keyboard alone', async ({ browser }) => {
  const hand = await visitor(browser);
  const press = (key: string): Promise<void> => hand.keyboard.press(key);
  const step = hand.locator('#wizard-step');
  await open(hand, `${portal.url}/login`);
  await fillIn(hand, hand.getByLabel('User name'), ADMIN.name);
  await fillIn(hand, hand.getByLabel('Password'), ADMIN.password);
  await press('Enter');
  const navigation = hand.getByRole('navigation', { name: 'Main navigation' });
  await expect(navigation).toBeVisible();
  await ready(hand);
  await reach(hand, navigation.getByRole('link', { name: 'Chains' }));
  await press('Enter');
  await expect(hand).toHaveURL(`${portal.url}/chains`);
  await reach(hand, hand.getByRole('main').getByRole('link', { name: 'Create chain' }).first());
  await press('Enter');
  await fillIn(hand, hand.getByLabel('Chain name'), CHAIN);
  await press('Enter');
  await expect(step).toBeFocused();
  await reach(hand, hand.getByRole('button', { name: 'Back', exact: true }));
  await press('Enter');
  await expect(step).toBeFocused();
  await expect(hand.getByLabel('Chain name')).toHaveValue(CHAIN);
  await reach(hand, hand.getByRole('button', { name: 'Next', exact: true }));
  await press('Enter');
  await expect(step).toBeFocused();
  await reach(hand, hand.getByRole('button', { name: 'Remove organization 2' }));
  await press('Enter');
  await expect(hand.getByRole('button', { name: 'Add organization' })).toBeFocused();
  await reach(hand, hand.getByRole('button', { name: 'Next', exact: true }));
  await press('Shift+Tab');
  await press('Shift+Tab');
  await press('Shift+Tab');
  await expect(hand.locator('#peers-1')).toBeFocused();
  await press('Control+A');
  await hand.keyboard.type('1');
  await press('Enter');
  await expect(step).toBeFocused();
  await reach(hand, hand.getByLabel('First channel'));
  await press('Enter');
  await expect(step).toBeFocused();
  await expect(hand.getByRole('heading', { name: 'Pre-flight checks' })).toBeVisible();
  const create = hand.getByRole('button', { name: 'Create chain' });
  await expect(create).toBeEnabled();
  await reach(hand, create);
  await press('Enter');
  await operationDone(hand);
  await hand.context().close();
});

test('another page takes the focus, and the same page does not', async () => {
  const heading = (name: string): Locator => page.getByRole('heading', { level: 1, name, exact: true });
  const chains = page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Chains' });
  await open(page, `${portal.url}/operations`);
  await expect(heading('Operations')).toBeVisible();
  expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
  await chains.press('Enter');
  await expect(heading('Chains')).toBeFocused();
  await expect(page).toHaveTitle(/^Chains/);
  expect(await page.evaluate(() => scrollY)).toBe(0);
  await page.getByRole('main').getByRole('link', { name: CHAIN, exact: true }).press('Enter');
  await expect(heading(CHAIN)).toBeFocused();
  await page.goBack();
  await expect(heading('Chains')).toBeFocused();
  await page.getByRole('main').getByRole('link', { name: 'Create chain' }).press('Enter');
  await expect(heading('Create chain')).toBeFocused();
  // Only the query changes: when other rows have come, the focus is still where it was.
  await open(page, `${portal.url}/audit?after=2`);
  const rows = page.getByRole('main').locator('tbody tr');
  const newest = page.getByRole('link', { name: 'Newest' });
  await expect(rows).toHaveCount(1);
  await newest.press('Enter');
  await expect(page).toHaveURL(/\/audit$/);
  await expect(rows).not.toHaveCount(1);
  // A heading that takes the focus does so a moment after it has come.
  await page.evaluate(() => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown))));
  await expect(heading('Audit')).toBeVisible();
  await expect(newest).toBeFocused();
});

test('Escape closes a menu and a dialog, and the focus goes back', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}`);
  const theme = page.getByRole('button', { name: 'Theme' });
  await reach(page, theme);
  await page.keyboard.press('Enter');
  const panel = page.locator('#menu-theme');
  await expect(panel).toBeVisible();
  await reach(page, panel.getByRole('button', { name: 'Dark' }));
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
  await expect(theme).toBeFocused();
  const stop = page.getByRole('button', { name: 'Stop', exact: true });
  await reach(page, stop);
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
  expect(await unseen(page)).toBe('');
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(stop).toBeFocused();
  await expect(page.getByText('running').first()).toBeVisible();
});

test('what is shown short is copied whole', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: portal.url });
  const clipboard = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
  let shortened = 0;
  for (const address of [`/chains/${CHAIN}`, `/chains/${CHAIN}/blocks/mychannel/0`]) {
    await open(page, portal.url + address);
    const one = page.locator('main .copyable').first();
    const whole = (await one.locator('code').getAttribute('title')) ?? '';
    expect(whole).not.toBe('');
    shortened += (await one.locator('code').innerText()) === whole ? 0 : 1;
    await one.getByRole('button', { name: 'Copy', exact: true }).click();
    await expect.poll(clipboard, address).toBe(whole);
    await expect(page.getByRole('status').filter({ hasText: 'Copied' })).toBeVisible();
  }
  expect(shortened, 'a hash is shown short').toBeGreaterThan(0);
});

test('addresses that lead nowhere say so, whatever kind they are of', async () => {
  const id = '0'.repeat(64);
  const below = (rest: string): string => `/chains/${CHAIN}/${rest}`;
  for (const address of [
    '/chains/none',
    '/hosts/none',
    '/hosts/none/edit',
    '/operations/none',
    '/users/none',
    below('channels/none'),
    below('chaincode/none'),
    below('nodes/none'),
    below(`transactions/mychannel/${id}`),
    below('blocks/mychannel/999999'),
    below('blocks/none/0'),
  ]) {
    const answer = await page.goto(portal.url + address);
    expect(answer?.status(), address).toBe(404);
    await expect(page.getByRole('heading', { name: 'There is nothing here' }), address).toBeVisible();
    await expect(page.getByRole('link', { name: 'To the overview' }), address).toBeVisible();
  }
});

test('access is given and taken without a script', async ({ browser }) => {
  const storageState = await page.context().storageState();
  const plain = await visitor(browser, { javaScriptEnabled: false, storageState });
  await plain.goto(`${portal.url}/users/new`);
  await plain.getByLabel('User name').fill('uma');
  await plain.getByLabel('Password').fill(PASSWORD);
  await plain.getByRole('button', { name: 'Create user' }).click();
  await expect(plain.getByRole('row').filter({ hasText: 'uma' })).toBeVisible();
  const chain = `${portal.url}/chains/${CHAIN}`;
  await plain.goto(chain);
  await plain.getByLabel('User name').fill('nobody');
  await plain.getByRole('button', { name: 'Give access' }).click();
  await expect(plain.getByText('There is no user nobody.')).toBeVisible();
  await plain.getByRole('link', { name: 'Go back' }).click();
  await expect(plain).toHaveURL(chain);
  await plain.getByLabel('User name').fill('uma');
  await plain.getByLabel('Level').selectOption('use');
  await plain.getByRole('button', { name: 'Give access' }).click();
  await expect(plain).toHaveURL(chain);
  const row = plain.getByRole('region', { name: 'Access' }).getByRole('row').filter({ hasText: 'uma' });
  await expect(row).toContainText('invoke and query');
  await row.getByRole('button', { name: 'Take away from uma' }).click();
  await expect(plain).toHaveURL(chain);
  await expect(plain.getByText('Nobody else yet.')).toBeVisible();
  await plain.context().close();
});

test('an image is approved and revoked without a script', async ({ browser }) => {
  const image = 'heddle.local/chaincode-example02:2';
  const storageState = await page.context().storageState();
  const plain = await visitor(browser, { javaScriptEnabled: false, storageState });
  await plain.goto(`${portal.url}/hosts`);
  await plain.locator('main tbody a[href*="/hosts/"]').first().click();
  await expect(plain).toHaveURL(/\/hosts\/[^/]+$/);
  const host = plain.url();
  await plain.getByLabel('Image', { exact: true }).fill(image);
  await plain.getByRole('button', { name: 'Approve', exact: true }).click();
  await expect(plain).toHaveURL(host);
  const approved = plain.getByRole('region', { name: 'Approved for chaincode' });
  await expect(approved.getByRole('row').filter({ hasText: image })).toContainText(ADMIN.name);
  await approved.getByRole('button', { name: `Revoke ${image}` }).click();
  await expect(plain).toHaveURL(host);
  await expect(plain.getByText('No image is approved')).toBeVisible();
  await plain.context().close();
});

for (const [locale, sentence] of [
  ['en-US', 'This form needs JavaScript.'],
  ['zh-CN', '此表单需要 JavaScript。'],
] as const) {
  test(`a form that needs a script says so in ${locale} where there is none`, async ({ browser }) => {
    const plain = await visitor(browser, {
      javaScriptEnabled: false,
      storageState: await page.context().storageState(),
      locale,
    });
    await plain.context().clearCookies({ name: /lang/ });
    await plain.goto(`${portal.url}/hosts`);
    const host = await plain.locator('main tbody a[href^="/hosts/"]').first().getAttribute('href');
    const chain = `/chains/${CHAIN}`;
    for (const path of [
      `${chain}/channels`,
      `${chain}/channels/mychannel`,
      `${chain}/chaincode`,
      '/chains/new',
      '/hosts/new',
      `${host}/edit`,
    ]) {
      await plain.goto(portal.url + path);
      const notice = plain.locator('main noscript');
      await expect(notice, path).toBeVisible();
      await expect(notice, path).toContainText(sentence, { useInnerText: true });
    }
    // Those that work without one say nothing.
    await plain.goto(`${portal.url}/users`);
    await expect(plain.locator('main form').first()).toBeVisible();
    await expect(plain.locator('main noscript')).toHaveCount(0);
    await plain.context().close();
  });
}

test('whoever signs in without a script can sign out again', async ({ browser }) => {
  const plain = await visitor(browser, { javaScriptEnabled: false });
  await plain.goto(`${portal.url}/login`);
  await plain.getByLabel('User name').fill('uma');
  await plain.getByLabel('Password').fill(PASSWORD);
  await plain.getByRole('button', { name: 'Sign in' }).click();
  await expect(plain.getByRole('navigation', { name: 'Main navigation' })).toBeVisible();
  await plain.getByRole('button', { name: 'Account' }).click();
  await plain.getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect(plain).toHaveURL(/\/login/);
  await plain.goto(`${portal.url}/chains`);
  await expect(plain).toHaveURL(/\/login\?next=/);
  await plain.context().close();
});

test('the chain goes away again', async () => {
  await deleteChain(page, portal, CHAIN);
});
