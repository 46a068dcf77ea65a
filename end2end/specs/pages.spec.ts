/**
 * What holds on every page: both languages, both themes, narrow and wide, keyboard, axe, no content-policy violation;
 * and the portal from nothing to a running chain in few clicks.
 */
import {
  accessible,
  deleteChain,
  expect,
  fits,
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
  ADMIN,
} from '../visit.ts';
import type { Browser, Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const CHAIN = 'demo';
const LOOKS = [
  ['light', 'en'],
  ['dark', 'zh-CN'],
] as const;
const WIDTHS = [360, 1280, 1920] as const;
/** Words of buttons that are clicked in either language. */
const WORDS = {
  en: { remove: 'Delete', submit: 'Submit', query: 'Query' },
  'zh-CN': { remove: '删除', submit: '提交', query: '查询' },
} as const;
/** Of each kind of page one. */
const ADDRESSES = [
  '/',
  '/hosts',
  '/hosts/new',
  '/chains',
  '/chains/new',
  `/chains/${CHAIN}`,
  `/chains/${CHAIN}/channels`,
  `/chains/${CHAIN}/channels/mychannel`,
  `/chains/${CHAIN}/chaincode`,
  `/chains/${CHAIN}/invoke`,
  `/chains/${CHAIN}/transactions`,
  `/chains/${CHAIN}/nodes/orderer0`,
  `/chains/${CHAIN}/blocks/mychannel/0`,
  '/apply',
  '/templates',
  '/templates/new',
  '/templates/small',
  '/operations',
  '/users',
  '/users/new',
  '/audit',
  '/account',
  '/notices',
  '/help/clusters',
  '/nothing/here',
] as const;

/** Pages with nothing above them. */
const TOPS: readonly string[] = ['/', '/setup', '/login', '/login/code', '/nothing/here'];

/** Of each kind of page whose address holds an id one, as soon as there is a chain. */
let named: string[] = [];

ownPortal();

for (const [theme, tag] of LOOKS) {
  test(`the very first page in ${theme} and ${tag}`, async ({ browser }) => {
    const guest = await visitor(browser, { locale: tag, colorScheme: theme });
    await look(guest, '/setup', tag, theme);
    await guest.context().close();
  });
}

test('from the first page to a running demo chain: one click', async () => {
  await setUp(page, portal);
  await accessible(page);
  await page.getByRole('button', { name: 'Create demo chain' }).click();
  await operationDone(page);
});

/** The address of the first link of a page that leads to something of a kind. */
async function linked(address: string, kind: string): Promise<string> {
  await open(page, portal.url + address);
  const link = page.locator(`main tbody a[href*="${kind}"]`).first();
  return (await link.getAttribute('href')) ?? '';
}

test('there is one of everything', async () => {
  const host = await linked('/hosts', '/hosts/');
  const operation = await linked('/operations', '/operations/');
  const transaction = await linked(`/chains/${CHAIN}/blocks/mychannel/1`, '/transactions/mychannel/');
  named = [host, `${host}/edit`, operation, transaction];
});

/** A page names what stands above it, each with its address; the first page and those outside the frame have none. */
async function trail(guest: Page, address: string): Promise<void> {
  const crumbs = guest.locator('nav.crumbs');
  if (TOPS.includes(address)) {
    await expect(crumbs, address).toHaveCount(0);
    return;
  }
  const parts = address.split('/').slice(1, -1).slice(0, 2);
  const above = ['/', ...parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)];
  await expect(crumbs, address).toBeVisible();
  const links = await crumbs.getByRole('link').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  expect(links.slice(0, above.length), address).toEqual(above);
  const title = (await guest.locator('main h1').textContent()) ?? '';
  await expect(crumbs.locator('[aria-current=page]'), address).toHaveText(title);
}

/** Looks at what stands there now in every width, and at what axe says of it. */
async function inspect(guest: Page, name: string): Promise<void> {
  for (const width of WIDTHS) {
    await guest.setViewportSize({ width, height: 900 });
    await fits(guest);
    await guest.screenshot({ path: `test-results/pages/${name}-${width}.png`, fullPage: true });
  }
  await accessible(guest);
}

/** Looks at a page as it opens. */
async function look(guest: Page, address: string, tag: string, theme: string): Promise<void> {
  await open(guest, portal.url + address);
  await expect(guest).toHaveURL(portal.url + address);
  await expect(guest.locator('html')).toHaveAttribute('lang', tag);
  await trail(guest, address);
  await inspect(guest, `${address.replaceAll('/', '_')}-${tag}-${theme}`);
}

/** Somebody signed in with a look of their own: the first visit left its choice in cookies, these have made none. */
async function looker(browser: Browser, tag: string, theme: 'light' | 'dark'): Promise<Page> {
  const storageState = await page.context().storageState();
  const guest = await visitor(browser, { storageState, locale: tag, colorScheme: theme });
  await guest.context().clearCookies({ name: /lang|theme/ });
  return guest;
}

for (const [theme, tag] of LOOKS) {
  test(`every page in ${theme} and ${tag}, narrow and wide`, async ({ browser }) => {
    test.setTimeout(300_000);
    const guest = await looker(browser, tag, theme);
    for (const address of [...ADDRESSES, ...named]) {
      await look(guest, address, tag, theme);
    }
    await guest.context().close();
    const stranger = await visitor(browser, { locale: tag, colorScheme: theme });
    await look(stranger, '/login', tag, theme);
    await look(stranger, '/login/code', tag, theme);
    await stranger.context().close();
  });
}

for (const [theme, tag] of LOOKS) {
  test(`each step of the wizard in ${theme} and ${tag}, up to the plan`, async ({ browser }) => {
    const guest = await looker(browser, tag, theme);
    const next = guest.locator('main form button[type=submit]');
    await open(guest, `${portal.url}/chains/new`);
    for (const sign of ['#organization-1', '#channel', 'ul.checks li']) {
      await next.click();
      await expect(guest.locator(sign).first()).toBeVisible();
      await inspect(guest, `wizard-${sign.replace(/\W+/g, '-')}-${tag}-${theme}`);
    }
    await expect(guest.locator('main tbody tr')).toHaveCount(5);
    // A refusal stands in the fields and at the buttons.
    await open(guest, `${portal.url}/chains/new`);
    await guest.locator('#name').fill(CHAIN);
    await next.click();
    await expect(guest.locator('#name-error')).not.toBeEmpty();
    await inspect(guest, `wizard-refused-${tag}-${theme}`);
    await guest.context().close();
  });

  test(`what opens on top of a page in ${theme} and ${tag}`, async ({ browser }) => {
    const guest = await looker(browser, tag, theme);
    await open(guest, `${portal.url}/chains/${CHAIN}`);
    for (const menu of ['menu-language', 'menu-theme', 'menu-account']) {
      await guest.locator(`button[popovertarget=${menu}]`).click();
      await expect(guest.locator(`#${menu}`)).toBeVisible();
      await inspect(guest, `${menu}-${tag}-${theme}`);
      await guest.keyboard.press('Escape');
      await expect(guest.locator(`#${menu}`)).toBeHidden();
    }
    const dialog = guest.getByRole('dialog');
    const remove = guest.getByRole('button', { name: WORDS[tag].remove, exact: true });
    await remove.click();
    await expect(dialog).toBeVisible();
    await inspect(guest, `dialog-${tag}-${theme}`);
    // With the name the button can be clicked, and looks otherwise.
    await dialog.locator('#typed-name').fill(CHAIN);
    await expect(dialog.locator('button[type=submit]')).toBeEnabled();
    await inspect(guest, `dialog-typed-${tag}-${theme}`);
    await guest.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await guest.context().close();
  });

  test(`what comes of calls in ${theme} and ${tag}`, async ({ browser }) => {
    const guest = await looker(browser, tag, theme);
    await open(guest, `${portal.url}/chains/${CHAIN}/invoke`);
    const { submit, query } = WORDS[tag];
    const ask = async (kind: string, name: string, args: readonly string[]): Promise<void> => {
      await guest.locator('#function').fill(name);
      await guest.locator('#arguments').fill(args.join('\n'));
      await guest.getByRole('button', { name: kind, exact: true }).click();
    };
    await ask(submit, 'init', ['a', '100', 'b', '200']);
    await expect(guest.locator('section.outcome')).toContainText('VALID');
    await inspect(guest, `outcome-submit-${tag}-${theme}`);
    await ask(query, 'query', ['a']);
    await expect(guest.locator('section.outcome [data-test=answer]')).toContainText('100');
    await inspect(guest, `outcome-query-${tag}-${theme}`);
    await ask(query, 'nonsense', []);
    await expect(guest.locator('main [role=alert]').filter({ hasText: /\S/ }).first()).toBeVisible();
    await inspect(guest, `outcome-refused-${tag}-${theme}`);
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

test('packaged files are kept for good under a name of their own', async () => {
  await open(page, portal.url);
  const style = await page.locator('link[rel=stylesheet]').getAttribute('href');
  expect(style).toMatch(/^\/pkg\/[0-9a-f]{16}\/heddle\.css$/);
  const answer = await page.request.get(`${portal.url}${style}`);
  expect(answer.headers()['cache-control']).toContain('immutable');
  const unnamed = await page.request.get(`${portal.url}/pkg/heddle.css`);
  expect(unnamed.status()).toBe(200);
  expect(unnamed.headers()['cache-control']).toBe('no-cache');
});

test('a user is given the chain, works with it, and loses it again', async ({ browser }) => {
  const password = 'a few plain words together';
  await open(page, `${portal.url}/users/new`);
  await page.getByLabel('User name').fill('uma');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Create user' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'uma' })).toBeVisible();
  const uma = await visitor(browser);
  await signIn(uma, portal, 'uma', password);
  const reach = async (): Promise<number | undefined> => (await uma.goto(`${portal.url}/chains/${CHAIN}`))?.status();
  expect(await reach()).toBe(404);
  await open(page, `${portal.url}/chains/${CHAIN}`);
  await page.getByLabel('User name').fill('nobody');
  await page.getByRole('button', { name: 'Give access' }).click();
  await expect(page.getByText('There is no user nobody.').first()).toBeVisible();
  await page.getByLabel('User name').fill('uma');
  await page.getByRole('button', { name: 'Give access' }).click();
  const row = page.getByRole('region', { name: 'Access' }).getByRole('row').filter({ hasText: 'uma' });
  await expect(row).toContainText('invoke and query');
  expect(await reach()).toBe(200);
  await expect(uma.getByRole('button', { name: 'Delete', exact: true })).toHaveCount(0);
  await expect(uma.getByRole('heading', { name: 'Access', exact: true })).toHaveCount(0);
  await row.getByRole('button', { name: 'Take away from uma' }).click();
  await expect(page.getByText('Nobody else yet.')).toBeVisible();
  expect(await reach()).toBe(404);
  await uma.context().close();
});

test('the keyboard reaches the content first', async () => {
  await open(page, portal.url);
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('#main')).toBeFocused();
});

test('the demo chain goes away again', async () => {
  await deleteChain(page, portal, CHAIN);
});
