/**
 * "Next, next, create" as often as somebody likes: the wizard's defaults make one chain after another, and a name that
 * another chain has is refused where it is typed.
 */
import { containers } from '../engine.ts';
import { deleteChain, expect, open, operationDone, ownPortal, page, portal, setUp, test } from '../visit.ts';

test.describe.configure({ mode: 'serial' });

/** What the wizard calls the chains that it makes by its defaults. */
const CHAINS = ['first', 'first-2'] as const;

ownPortal();

test('a portal with a host', async () => {
  await setUp(page, portal);
  await open(page, `${portal.url}/hosts/new`);
  await page.getByRole('button', { name: 'Add host' }).click();
  await expect(page).toHaveURL(/\/hosts\/(?!new)[^/]+$/);
});

for (const chain of CHAINS) {
  test(`the defaults create the chain ${chain}`, async () => {
    await open(page, `${portal.url}/chains/new`);
    await expect(page.getByLabel('Chain name')).toHaveValue(chain);
    for (let step = 0; step < 3; step += 1) {
      await page.getByRole('button', { name: 'Next' }).click();
    }
    await expect(page.getByRole('heading', { name: 'Pre-flight checks' })).toBeVisible();
    await page.getByRole('button', { name: 'Create chain' }).click();
    await operationDone(page);
    await open(page, `${portal.url}/chains/${chain}`);
    await expect(page.getByText('running').first()).toBeVisible();
  });
}

test('a name that is taken is refused at the first step, and one that is free is not', async () => {
  await open(page, `${portal.url}/chains/new`);
  const name = page.getByLabel('Chain name');
  const problem = page.locator('#name-error');
  await name.fill(CHAINS[0]);
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(problem).toContainText('There is a chain with this name already.');
  await expect(page.locator('#organization-1')).toHaveCount(0);
  await name.fill('another');
  await expect(problem).toBeEmpty();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.locator('#organization-1')).toBeVisible();
});

test('the chains go away again', async () => {
  for (const chain of CHAINS) {
    await deleteChain(page, portal, chain);
    expect(await containers(chain)).toEqual([]);
  }
});
