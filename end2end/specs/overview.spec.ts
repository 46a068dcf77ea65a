/**
 * The overview with its figures, the screen for a wall, what the frame counts, and notices. A real operation on a real
 * engine: images of a host are prepared, which somebody hears of when it has ended.
 */
import { accessible, expect, fits, open, operationDone, ownPortal, page, portal, setUp, signIn, test, visitor } from '../visit.ts';

test.describe.configure({ mode: 'serial' });

const PASSWORD = 'a few plain words together';

ownPortal();

test('an empty portal offers the demonstration and shows figures of what is there', async () => {
  await setUp(page, portal);
  await expect(page.getByRole('button', { name: 'Create demo chain' })).toBeVisible();
  const people = page.getByRole('figure', { name: 'People by role' });
  await expect(people).toContainText('Administrator');
  await accessible(page);
});

test('every chart has its numbers as a table', async () => {
  await open(page, portal.url);
  const charts = page.locator('figure.chart').filter({ has: page.locator('svg[role=img]') });
  await expect(charts.first()).toBeVisible();
  for (const chart of await charts.all()) {
    await chart.locator('summary').click();
    await expect(chart.locator('tbody tr').first()).toBeVisible();
    const title = await chart.locator('figcaption').innerText();
    await expect(chart.locator('svg[role=img]')).toHaveAttribute('aria-label', title);
  }
  await accessible(page);
});

test('the range of days stands in the address, also without a script', async ({ browser }) => {
  await open(page, portal.url);
  const range = page.getByRole('navigation', { name: 'Time range' });
  await expect(range.getByRole('link', { name: '7 days' })).toHaveAttribute('aria-current', 'true');
  await range.getByRole('link', { name: '30 days' }).click();
  await expect(page).toHaveURL(/\/\?days=30$/);
  await expect(range.getByRole('link', { name: '30 days' })).toHaveAttribute('aria-current', 'true');
  const cookies = await page.context().cookies();
  const plain = await visitor(browser, { javaScriptEnabled: false });
  await plain.context().addCookies(cookies);
  await plain.goto(`${portal.url}/?days=30`);
  await expect(plain.getByRole('link', { name: '30 days' })).toHaveAttribute('aria-current', 'true');
  await plain.getByRole('link', { name: '7 days' }).click();
  await expect(plain).toHaveURL(/\/\?days=7$/);
  await expect(plain.getByRole('link', { name: '7 days' })).toHaveAttribute('aria-current', 'true');
  await plain.context().close();
});

test('a host is counted as soon as it is there', async () => {
  await open(page, `${portal.url}/hosts/new`);
  await page.getByRole('button', { name: 'Test connection' }).click();
  await expect(page.getByText('The engine answers.')).toBeVisible();
  await page.getByRole('button', { name: 'Add host' }).click();
  await expect(page).toHaveURL(/\/hosts\/[^/]+$/);
  await open(page, portal.url);
  await expect(page.getByRole('figure', { name: 'Hosts by state' })).toBeVisible();
  await expect(page.getByRole('figure', { name: 'Hosts by kind' })).toContainText('Docker');
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await fits(page);
  }
});

test('whoever started an operation finds a notice of its end, and reads it', async () => {
  await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Hosts' }).click();
  await page.locator('main th[scope=row] a').first().click();
  await page.getByRole('button', { name: 'Prepare images' }).click();
  await page.getByRole('link', { name: 'See the operation' }).click();
  await operationDone(page);
  const unread = page.getByRole('link', { name: 'Unread notices: 1' });
  await expect(unread).toBeVisible({ timeout: 30_000 });
  await unread.click();
  await expect(page.getByRole('heading', { name: 'Notices' })).toBeVisible();
  const notice = page.locator('.notice-list li');
  await expect(notice).toHaveCount(1);
  await expect(notice).toContainText('Prepare images on a host');
  await accessible(page);
  await page.getByRole('button', { name: 'Mark all as read' }).click();
  await expect(page.getByRole('link', { name: 'Notices', exact: true })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Mark all as read' })).toHaveCount(0);
  await page.reload();
  await expect(notice).not.toContainText('New');
});

test('the frame counts what runs', async () => {
  await open(page, portal.url);
  await expect(page.locator('header a.activity')).toHaveText('Nothing running');
});

test('operations are filtered by the server, and the address keeps the filter', async () => {
  await open(page, `${portal.url}/operations?state=failed`);
  await expect(page.getByText('Nothing found')).toBeVisible();
  await open(page, `${portal.url}/operations?state=done&name=host-prepare`);
  await expect(page.locator('main tbody tr')).toHaveCount(1);
  await accessible(page);
});

test('the screen for a wall is dark, has nothing to press, and takes turns', async ({ browser }) => {
  const wall = await visitor(browser, { colorScheme: 'light', reducedMotion: 'no-preference' });
  await signIn(wall, portal, 'ada', 'correct horse battery staple');
  await wall.clock.install();
  await open(wall, `${portal.url}/wall`);
  await expect(wall.getByRole('navigation')).toHaveCount(0);
  await expect(wall.getByRole('button')).toHaveCount(0);
  await expect(wall.getByRole('link')).toHaveCount(0);
  const ground = await wall.locator('.wall').evaluate((one) => getComputedStyle(one).backgroundColor);
  expect(ground).toBe('rgb(16, 20, 24)');
  const panels = wall.locator('.wall-panel');
  await expect(panels.first()).toBeVisible();
  await expect(panels.nth(1)).toBeHidden();
  await accessible(wall);
  await wall.clock.fastForward(15_000);
  await expect(panels.nth(1)).toBeVisible();
  await expect(panels.first()).toBeHidden();
  await wall.context().close();
});

test('where nothing shall move, all panels stand on the wall', async ({ browser }) => {
  const wall = await visitor(browser, { reducedMotion: 'reduce' });
  await signIn(wall, portal, 'ada', 'correct horse battery staple');
  await open(wall, `${portal.url}/wall`);
  const panels = wall.locator('.wall-content:not([hidden])');
  await expect(panels.nth(1)).toBeVisible();
  for (const panel of await panels.all()) {
    await expect(panel).toBeVisible();
  }
  await wall.context().close();
});

test('a user sees no figures of hosts and people, and no wall', async ({ browser }) => {
  await open(page, `${portal.url}/users/new`);
  await page.getByLabel('User name').fill('uma');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByLabel('Role').selectOption({ label: 'User' });
  await page.getByRole('button', { name: 'Create user' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'uma' })).toContainText('User');
  const uma = await visitor(browser);
  await signIn(uma, portal, 'uma', PASSWORD);
  await expect(uma.getByRole('figure', { name: 'Transactions per day' })).toBeVisible();
  await expect(uma.getByText('Hosts by state')).toHaveCount(0);
  await expect(uma.getByText('People by role')).toHaveCount(0);
  await expect(uma.getByRole('link', { name: 'Show on a big screen' })).toHaveCount(0);
  await accessible(uma);
  const answer = await uma.goto(`${portal.url}/wall`);
  expect(answer?.status()).toBe(403);
  await uma.context().close();
});
