/**
 * What every browser test does alike: set-up and sign-in, waiting until the page acts, and watching for what must
 * never happen on any page: a violation of the content policy, an uncaught error, an answer of 5xx.
 */
import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type Browser, type BrowserContextOptions, type Locator, type Page } from '@playwright/test';

import { Portal, type Reached } from './portal.ts';

export const ADMIN = { name: 'ada', password: 'correct horse battery staple' } as const;

/** What went wrong in any browser of the test that runs; emptied when it has been looked at. */
const troubles: string[] = [];

export const test = base.extend<{ calm: void }>({
  calm: [
    async ({}, use) => {
      await use();
      expect(troubles.splice(0), 'errors in the browser').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** The portal of the spec that runs, and the browser of whoever uses it first. Specs of a worker run one after another. */
export let portal: Portal;
export let page: Page;

/** Gives a spec a portal and a page of its own, for all its tests; `afterwards` is done when both are gone. */
export function ownPortal(afterwards?: () => Promise<void>): void {
  test.beforeAll(async ({ browser }) => {
    portal = await Portal.start();
    page = await visitor(browser);
  });
  test.afterAll(async () => {
    // Either is that of the spec before if its own could not be made: both end twice without harm.
    await page?.context().close();
    await portal?.stop();
    await afterwards?.();
  });
}

/** Somebody with a browser of their own, which is watched. */
export async function visitor(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  context.on('page', watch);
  return context.newPage();
}

function watch(page: Page): void {
  let documents: string[] = [];
  page.on('pageerror', (error) => troubles.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    // Refusals (4xx) are answers like others; the browser reports each as a failed resource. A portal that a test
    // has killed or ended does not answer at all.
    const expected = /status of 4\d\d|net::ERR_/.test(text);
    if (message.type() === 'error' && !expected) {
      const policy = /Content Security Policy/.test(text) ? ` after ${documents.join(', ')}` : '';
      troubles.push(`console on ${page.url()}: ${text}${policy}`);
    }
    if (message.type() !== 'error' && /hydration|panicked/i.test(text)) {
      troubles.push(`hydration on ${page.url()}: ${text}`);
    }
  });
  page.on('response', (response) => {
    if (response.request().resourceType() === 'document') {
      const policy = response.headers()['content-security-policy'];
      documents = [...documents.slice(-2), `${response.status()} ${response.url()} with "${policy}"`];
    }
    if (response.status() >= 500) {
      troubles.push(`${response.status()} from ${response.url()}`);
    }
  });
}

/** Opens an address of the portal and waits until its buttons act. */
export async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await ready(page);
}

/** Waits until the page has come to life. */
export async function ready(page: Page): Promise<void> {
  await expect(page.locator('html[data-ready="true"]')).toBeAttached();
}

/** Makes the first admin by the page a new user sees. */
export async function setUp(page: Page, portal: Reached): Promise<void> {
  await open(page, portal.url);
  await expect(page).toHaveURL(/\/setup$/);
  await page.getByLabel('One-time token').fill(await portal.setupToken());
  await page.getByLabel('User name').fill(ADMIN.name);
  await page.getByLabel('Password').fill(ADMIN.password);
  await page.getByRole('button', { name: 'Create administrator' }).click();
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await ready(page);
}

/** Signs in by the form. */
export async function signIn(page: Page, portal: Reached, name: string, password: string): Promise<void> {
  await open(page, `${portal.url}/login`);
  await page.getByLabel('User name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('navigation', { name: 'Main navigation' })).toBeVisible();
  await ready(page);
}

/** The operation on the page has come to its end, and well. */
export async function operationDone(page: Page, limitMs = 90_000): Promise<void> {
  await expect(page).toHaveURL(/\/operations\//);
  // The address may change before the page does: other pages have no progress of steps.
  const state = page.locator('main [role=status]').filter({ has: page.locator('progress') }).first();
  await expect(state).toContainText(/done|failed|undone/, { timeout: limitMs });
  await expect(state, await page.locator('main').innerText()).toContainText('done');
}

/** Begins to create a chain of one organization with one peer by the wizard. */
export async function beginSmallChain(
  page: Page,
  portal: Reached,
  name: string,
  checksMs = 15_000,
): Promise<void> {
  await open(page, `${portal.url}/chains/new`);
  await page.getByLabel('Chain name').fill(name);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Remove organization 2' }).click();
  await page.locator('#peers-1').fill('1');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('heading', { name: 'Pre-flight checks' })).toBeVisible({ timeout: checksMs });
  await page.getByRole('button', { name: 'Create chain' }).click();
}

/** Deletes a chain by its page, and waits until it is gone. */
export async function deleteChain(
  page: Page,
  portal: Reached,
  name: string,
  limitMs?: number,
  password: string = ADMIN.password,
): Promise<void> {
  await open(page, `${portal.url}/chains/${name}`);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await provedAgain(page, password, () => /\/operations\//.test(page.url()));
  await operationDone(page, limitMs);
}

/** Types the password where it is asked for again, as it is some minutes after the sign-in, until something is done. */
export async function provedAgain(page: Page, password: string, isDone: () => boolean): Promise<void> {
  const again = page.getByRole('dialog', { name: 'Your password, once more' });
  await expect.poll(async () => isDone() || (await again.isVisible())).toBe(true);
  if (await again.isVisible()) {
    await again.getByLabel('Password').fill(password);
    await again.getByRole('button', { name: 'Next' }).click();
    await expect(again).toBeHidden();
  }
}

/** Calls a chaincode by the form, with one argument per line. */
export async function call(
  page: Page,
  kind: 'Query' | 'Submit',
  name: string,
  args: readonly string[],
): Promise<void> {
  await page.getByLabel('Function').fill(name);
  await page.getByRole('textbox', { name: 'Arguments' }).fill(args.join('\n'));
  await page.getByRole('button', { name: kind, exact: true }).click();
}

/** The card with what came of a call. */
export function outcomeOf(page: Page, heading: string): Locator {
  return page.locator('section.outcome').filter({ has: page.getByRole('heading', { name: heading }) });
}

/** No serious finding of axe on the page as it is. */
export async function accessible(page: Page): Promise<void> {
  const found = await new AxeBuilder({ page }).analyze();
  const serious = found.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  const words = serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(' | ')}`);
  expect.soft(words, `axe on ${page.url()}`).toEqual([]);
}

/** Nothing is wider than the window, and what is open on top of the page is all in it. */
export async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const panels = [...document.querySelectorAll('dialog[open], [popover]:popover-open')].map((panel) => {
      const { left, right } = panel.getBoundingClientRect();
      return Math.max(-left, right - window.innerWidth, panel.scrollWidth - panel.clientWidth);
    });
    return Math.max(scrollWidth - clientWidth, ...panels);
  });
  expect.soft(over, `${page.url()} is wider than the window`).toBeLessThanOrEqual(0);
}
