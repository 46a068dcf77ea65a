/**
 * What a person sees when an operation fails: cause, step, the last lines of the node, what helps, a report to
 * hand on; and what they can do then: go on from the failed step, or undo. Real failures on a real engine. And that
 * whoever follows the record misses no line of it.
 */
import { containers, removeImages, spoiled, tag } from '../engine.ts';
import { Stream } from '../stream.ts';
import {
  accessible,
  beginSmallChain,
  deleteChain,
  expect,
  fits,
  open,
  operationDone,
  ownPortal,
  page,
  portal,
  setUp,
  test,
  visitor,
} from '../visit.ts';
import type { Locator, Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const CHAIN = 'mishap';
const SAMPLE = 'heddle.local/chaincode-example02:1';
const LATE = 'heddle.local/mishap-late';
const BROKEN = 'heddle.local/mishap-broken';
/** Most lines of a node's output that a failure shows. */
const LINES_MAX = 50;

ownPortal(() => removeImages([`${LATE}:1`, `${BROKEN}:1`]));

test.beforeAll(async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: portal.url });
});

/** The last part of the page's address. */
const idOfPage = (): string => new URL(page.url()).pathname.split('/').pop() ?? '';

/** The card that tells of a failure, once the operation on the page has failed at a step. */
async function failureAt(step: string): Promise<Locator> {
  await expect(page).toHaveURL(/\/operations\//);
  const state = page.locator('main [role=status]').first();
  await expect(state).toContainText(/done|failed|undone/, { timeout: 60_000 });
  await expect(state).toContainText('failed');
  const card = page.getByRole('alert').filter({ hasText: `Failed at: ${step}` });
  await expect(card).toBeVisible();
  return card;
}

/** What a button puts on the clipboard. */
async function copied(button: Locator): Promise<string> {
  const clipboard = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
  await page.evaluate(() => navigator.clipboard.writeText('nothing yet'));
  await button.click();
  await expect.poll(clipboard).not.toBe('nothing yet');
  return clipboard();
}

/** Deploys an image as the next version of the sample. */
async function deploy(image: string): Promise<void> {
  await open(page, `${portal.url}/chains/${CHAIN}/chaincode`);
  const upgrade = page.getByRole('link', { name: 'Upgrade' });
  if ((await upgrade.count()) > 0) {
    await upgrade.click();
  }
  await page.getByLabel('Image', { exact: true }).fill(image);
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
}

/** Clicks a button of the page that asks first, and its like in the dialog. */
async function confirmed(name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
}

test('a small chain', async () => {
  await setUp(page, portal);
  await open(page, `${portal.url}/hosts/new`);
  await page.getByRole('button', { name: 'Add host' }).click();
  await expect(page).toHaveURL(/\/hosts\/(?!new)[^/]+$/);
  await beginSmallChain(page, portal, CHAIN);
  await operationDone(page);
});

test('a failure tells step, cause and what helps, and its report can be handed on', async () => {
  await deploy(`${LATE}:1`);
  const card = await failureAt('Find the image');
  await expect(card).toContainText('Or change the host’s image names.');
  await expect(card).toContainText('image-missing');
  await expect(card).toContainText(`${LATE}:1`);
  const report = await copied(card.getByRole('button', { name: 'Copy', exact: true }));
  expect(report).toContain(`operation chaincode-deploy (${idOfPage()}) on chain/${CHAIN}`);
  expect(report).toContain('failed at resolve-image: image-missing: ');
  expect(report).toContain(`${LATE}:1`);
  const id = page.locator('main .copyable').first();
  expect(await copied(id.getByRole('button', { name: 'Copy', exact: true }))).toBe(idOfPage());
});

test('the page of the chain leads to what failed', async () => {
  const operation = idOfPage();
  await open(page, `${portal.url}/chains/${CHAIN}`);
  const notice = page.locator('main p.notice-bad').filter({ hasText: 'The last operation failed.' });
  await notice.getByRole('link', { name: 'See the operation' }).click();
  await expect(page).toHaveURL(`${portal.url}/operations/${operation}`);
});

test('once the cause is gone it goes on from the failed step', async () => {
  await tag(SAMPLE, LATE);
  await confirmed('Resume');
  await expect(page.locator('main [role=status]').first()).not.toContainText('failed');
  await operationDone(page);
  await expect(page.getByText('Failed at:')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Undo', exact: true })).toHaveCount(0);
});

test('a node that does not start: its last lines are there, and in the report', async () => {
  const server = (await containers(CHAIN)).find((name) => name.includes('cc-')) ?? '';
  await deploy(await spoiled(server, BROKEN));
  const card = await failureAt('Wait until the containers stay up');
  const evidence = card.locator('pre');
  await expect(evidence).toContainText('GOMEMLIMIT');
  expect((await evidence.innerText()).trim().split('\n').length).toBeLessThanOrEqual(LINES_MAX);
  const report = await copied(card.getByRole('button', { name: 'Copy', exact: true }));
  expect(report).toContain(`(${idOfPage()})`);
  expect(report).toContain('failed at await-chaincode: ');
  expect(report).toContain('GOMEMLIMIT');
});

test('closing and reopening the page of a failure loses nothing', async () => {
  const record = (tab: Page): Locator => tab.locator('pre[role=log]');
  const lines = (await record(page).innerText()).trim().split('\n');
  expect(lines.length).toBeGreaterThan(2);
  const tab = await page.context().newPage();
  await open(tab, page.url());
  for (const line of lines) {
    await expect(record(tab)).toContainText(line);
  }
  await expect(tab.getByRole('alert').filter({ hasText: 'Failed at:' })).toContainText('GOMEMLIMIT');
  await tab.close();
});

test('earlier lines of a long record stay where they are while new ones come', async () => {
  const tab = await page.context().newPage();
  const id = idOfPage();
  let count = 0;
  await open(tab, page.url());
  // As if the operation had written much: no real one of a test does.
  await tab.route('**/api/operation_read', async (route) => {
    const operation = await (await route.fetch()).json();
    const [line] = operation.events;
    const said = (_: unknown, at: number): object => ({ ...line, sequence: at + 1, text: `said ${at + 1}` });
    await route.fulfill({ json: { ...operation, events: Array.from({ length: count }, said) } });
  });
  const grow = async (lines: number): Promise<void> => {
    count = lines;
    await tab.evaluate((operation) => {
      const channel = new BroadcastChannel('heddle-events');
      channel.postMessage(JSON.stringify({ changed: { noun: 'operation', id: operation } }));
      channel.close();
    }, id);
    await expect(tab.locator('.log-bar span.muted')).toContainText(`${lines}`);
  };
  const record = tab.locator('pre[role=log]');
  const ends = async (): Promise<(string | undefined)[]> => {
    const lines = (await record.innerText()).trim().split('\n');
    return [lines[0], lines.at(-1)].map((line) => line?.split(' ').slice(-2).join(' '));
  };
  await grow(2_500);
  await expect.poll(ends).toEqual(['said 1501', 'said 2500']);
  await tab.getByRole('button', { name: 'Earlier lines', exact: true }).click();
  await expect.poll(ends).toEqual(['said 501', 'said 1500']);
  await record.evaluate((frame) => frame.scrollTo(0, 200));
  await grow(2_600);
  expect(await ends()).toEqual(['said 501', 'said 1500']);
  expect(await record.evaluate((frame) => frame.scrollTop)).toBe(200);
  const later = tab.getByRole('button', { name: 'Later lines', exact: true });
  await later.click();
  await expect.poll(ends).toEqual(['said 1501', 'said 2500']);
  await later.click();
  await expect.poll(ends).toEqual(['said 1601', 'said 2600']);
  await expect(later).toHaveCount(0);
  await tab.close();
});

for (const [theme, locale] of [
  ['light', 'en-US'],
  ['dark', 'zh-CN'],
] as const) {
  test(`a failure in ${theme} and ${locale}, narrow and wide`, async ({ browser }) => {
    const storageState = await page.context().storageState();
    const guest = await visitor(browser, { storageState, locale, colorScheme: theme });
    await open(guest, page.url());
    await expect(guest.locator('main pre').filter({ hasText: 'GOMEMLIMIT' }).first()).toBeVisible();
    for (const width of [360, 1920]) {
      await guest.setViewportSize({ width, height: 900 });
      await fits(guest);
    }
    await accessible(guest);
    await guest.context().close();
  });
}

test('an undo leaves nothing of it, and the version before serves on', async () => {
  await confirmed('Undo');
  await expect(page.locator('main [role=status]').first()).toContainText('undone', { timeout: 60_000 });
  expect((await containers(CHAIN)).filter((name) => name.includes('cc-'))).toHaveLength(1);
  await open(page, `${portal.url}/chains/${CHAIN}/chaincode`);
  await expect(page.getByRole('main')).toContainText('sequence 1');
  await expect(page.getByRole('main')).not.toContainText('sequence 2');
  await expect(page.getByRole('button', { name: 'Deploy', exact: true })).toBeEnabled();
});

test('a stream that breaks goes on behind its last event: no line is missed, none comes twice', async () => {
  const [session] = (await page.context().cookies()).filter((cookie) => cookie.name.includes('heddle_sid'));
  const cookie = `${session?.name}=${session?.value}`;
  await open(page, `${portal.url}/hosts`);
  await page.locator('main tbody a[href*="/hosts/"]').first().click();
  const prepare = page.getByRole('button', { name: 'Prepare images' });
  await expect(prepare).toBeEnabled();
  const first = await Stream.open(`${portal.url}/events`, cookie);
  await prepare.click();
  const [seen] = await first.until(1);
  first.break();
  await page.getByRole('link', { name: 'See the operation' }).click();
  await operationDone(page);
  expect(seen?.operation).toBe(idOfPage());
  const answer = await page.request.post(`${portal.url}/api/operation_read`, {
    headers: { origin: portal.url },
    data: { id: idOfPage() },
  });
  const { events } = (await answer.json()) as { events: { sequence: number }[] };
  const all = events.map((event) => event.sequence);
  const missed = all.filter((sequence) => sequence > (seen?.sequence ?? 0));
  expect(all[0], 'the stream began with the first line').toBe(seen?.sequence);
  expect(missed.length).toBeGreaterThan(0);
  const second = await Stream.open(`${portal.url}/events`, cookie, seen?.sequence);
  const after = await second.until(missed.length);
  second.break();
  expect(after.map((line) => line.sequence)).toEqual(missed);
});

test('the chain goes away again', async () => {
  await deleteChain(page, portal, CHAIN);
  expect(await containers(CHAIN)).toEqual([]);
});
