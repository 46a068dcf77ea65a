/**
 * The main job on a Kubernetes cluster, by hand in a browser: an admin adds the cluster by a kubeconfig, under an account
 * that has the rights which the form shows and no others; an operator creates a chain there, deploys, submits, queries,
 * looks at blocks, upgrades, stops, starts and deletes. Real nodes on a real cluster.
 */
import {
  account,
  found,
  GOING,
  hasCluster,
  kubeconfig,
  leftOf,
  machine,
  pods,
  removeAccount,
  removeAll,
  server,
  spacesOf,
  STAGES,
  type Space,
} from '../cluster.ts';
import {
  call,
  deleteChain,
  expect,
  open,
  operationDone,
  outcomeOf,
  ownPortal,
  page as admin,
  portal,
  setUp,
  signIn,
  test,
  visitor,
} from '../visit.ts';
import type { Locator, Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });
test.skip(!hasCluster, 'HEDDLE_TEST_KUBERNETES names no cluster');

const HOST = 'far';
const CHAIN = 'afar';
const PASSWORD = 'a few plain words together';
/** Volumes are made and pods placed before anything starts: that takes its time where two cores do everything. */
const PATIENCE_MS = 360_000;

let manifest = '';
let space: Space = { name: '', installation: '' };
let operator: Page;
/** What the cluster had before there was a chain. */
let before: string[] = [];

ownPortal(async () => {
  if (space.installation !== '') {
    await removeAll(space.installation);
  }
  if (manifest !== '') {
    await removeAccount(manifest);
  }
});

/** Opens the form of a new host, and fills in what stands there whatever the way to sign in. */
async function clusterForm(): Promise<void> {
  await open(admin, `${portal.url}/hosts/new`);
  await admin.getByLabel('On a Kubernetes cluster').check();
  await admin.locator('#name').fill(HOST);
  await admin.locator('#client_address').fill(await machine());
}

/** Fills in a token, and the server as the admin's kubeconfig knows it. */
async function tokenForm(token: string): Promise<void> {
  const { address, ca } = await server();
  await clusterForm();
  await admin.locator('#server').fill(address);
  await admin.locator('#token').fill(token);
  await admin.locator('#ca_pem').fill(ca);
}

/** Pastes a kubeconfig and has its contexts read. */
async function paste(text: string): Promise<void> {
  await clusterForm();
  await admin.getByLabel('With a kubeconfig').check();
  await admin.locator('#kubeconfig').fill(text);
  await admin.getByRole('button', { name: 'Read contexts' }).click();
  await expect(admin.locator('#context')).not.toHaveValue('');
  await expect(admin.locator('#server')).toHaveValue((await server()).address);
}

/** Tests the connection: all stages are passed, or all before the one that fails. */
async function connection(failing?: (typeof STAGES)[number]): Promise<void> {
  await admin.getByRole('button', { name: 'Test connection' }).click();
  const passed = failing === undefined ? STAGES : STAGES.slice(0, STAGES.indexOf(failing));
  const failed = failing === undefined ? [] : [`${failing}: failed`];
  const lines = admin.locator('ol.stages li');
  await expect(lines).toHaveText([...passed.map((stage) => `${stage}: passed`), ...failed], { timeout: 60_000 });
  await expect(admin.locator('ol.stages .stage-bad')).toHaveText(failed);
}

async function holds(account: string, amount: string): Promise<void> {
  await call(operator, 'Query', 'query', [account]);
  await expect(outcomeOf(operator, 'Answer of the query')).toContainText(amount, { timeout: 30_000 });
}

/** Where each node is, by the name that users know the endpoint by. */
async function endpoints(): Promise<Map<string, string>> {
  const shown = operator.getByRole('region', { name: 'Nodes' }).locator('tbody td div[title]:has(.copyable)');
  const pairs = await shown.evaluateAll((all) =>
    all.map((one): [string, string] => [
      one.getAttribute('title') ?? '',
      one.querySelector('code[title]')?.getAttribute('title') ?? '',
    ]),
  );
  return new Map(pairs);
}

/** The ports of a chain of three orderers and of two organizations with two peers each, from the first of its block. */
const PORTS: readonly (readonly [string, number])[] = [
  ['orderer0', 10],
  ['orderer1', 11],
  ['orderer2', 12],
  ['peer0_org1_grpc', 20],
  ['peer1_org1_grpc', 23],
  ['peer0_org2_grpc', 26],
  ['peer1_org2_grpc', 29],
];

const chainPage = (rest = ''): string => `${portal.url}/chains/${CHAIN}${rest}`;

test('an admin makes an operator', async ({ browser }) => {
  await setUp(admin, portal);
  await open(admin, `${portal.url}/users/new`);
  await admin.getByLabel('User name').fill('otto');
  await admin.getByLabel('Password').fill(PASSWORD);
  await admin.getByLabel('Role').selectOption({ label: 'Operator' });
  await admin.getByRole('button', { name: 'Create user' }).click();
  await expect(admin.getByRole('row').filter({ hasText: 'otto' })).toContainText('Operator');
  operator = await visitor(browser);
  await signIn(operator, portal, 'otto', PASSWORD);
});

test('a token that the cluster does not know fails at the authentication', async () => {
  await tokenForm('nobody-has-made-this-token');
  await connection('Authentication');
  await expect(admin.getByText('The cluster does not accept the token.').first()).toBeVisible();
});

test('a server that is not the one that is known fails at TLS', async () => {
  await tokenForm('nobody-has-made-this-token');
  await admin.locator('#trust').selectOption('pinned');
  await admin.locator('#pinned').fill('ab'.repeat(32));
  await connection('TLS');
});

test('a cluster that does not answer fails at the TCP connection', async () => {
  const { address } = await server();
  await tokenForm('nobody-has-made-this-token');
  // The first of the ports that nobody may listen on without a reason.
  await admin.locator('#server').fill(address.replace(/:\d+$/, ':1'));
  await connection('TCP connection');
});

test('the kubeconfig of the cluster’s admin passes every stage', async () => {
  await paste(await kubeconfig());
  await connection();
  await expect(admin.getByText('The cluster answers, and everything that is needed is there.')).toBeVisible();
});

test('the cluster becomes a host under an account with exactly the rights that are shown', async () => {
  await admin.getByRole('button', { name: 'Show manifest' }).click();
  const shown = admin.locator('pre.log-lines');
  await expect(shown).toContainText('kind: ClusterRole');
  manifest = (await shown.textContent()) ?? '';
  await paste(await account(manifest));
  await connection();
  await admin.getByRole('button', { name: 'Add host' }).click();
  await expect(admin).toHaveURL(/\/hosts\/(?!new)[^/]+$/, { timeout: 60_000 });
  await expect(admin.getByText('active').first()).toBeVisible();
});

test('an operator’s wizard creates a chain there, and its progress comes by itself', async () => {
  test.setTimeout(PATIENCE_MS + 180_000);
  // What the tests before took away is gone first.
  const going = async (): Promise<string[]> => {
    before = await found();
    return before.filter((one) => one.endsWith(GOING));
  };
  await expect.poll(going, { timeout: 120_000 }).toEqual([]);
  await open(operator, `${portal.url}/chains/new`);
  await operator.getByLabel('Chain name').fill(CHAIN);
  await expect(operator.locator('#host option:checked')).toContainText(HOST);
  await operator.getByRole('button', { name: 'Next' }).click();
  await expect(operator.locator('#peers-1')).toHaveValue('2');
  await expect(operator.locator('#peers-2')).toHaveValue('2');
  await operator.getByRole('button', { name: 'Next' }).click();
  await operator.locator('#orderers').selectOption('3');
  await operator.getByRole('button', { name: 'Next' }).click();
  await expect(operator.getByRole('heading', { name: 'Pre-flight checks' })).toBeVisible({ timeout: 60_000 });
  await expect(operator.locator('ul.checks')).not.toContainText('failed');
  await operator.getByRole('button', { name: 'Create chain' }).click();
  await expect(operator).toHaveURL(/\/operations\//);
  await operator.evaluate(() => ((window as unknown as { kept: boolean }).kept = true));
  const progress = operator.locator('main [role=status] progress').first();
  const done = async (): Promise<number> => Number(await progress.getAttribute('value'));
  await expect.poll(done, { timeout: 90_000 }).toBeGreaterThan(0);
  await operationDone(operator, PATIENCE_MS);
  expect(await operator.evaluate(() => (window as unknown as { kept?: boolean }).kept), 'without a reload').toBe(true);
  const spaces = await spacesOf(CHAIN);
  expect(spaces).toHaveLength(1);
  space = spaces[0] ?? space;
  expect(await pods(space.name)).toHaveLength(7);
});

test('the chain page shows seven nodes, with the address of a machine', async () => {
  await open(operator, chainPage());
  const rows = operator.getByRole('region', { name: 'Nodes' }).locator('tbody tr');
  await expect(rows).toHaveCount(7);
  await expect(rows.filter({ hasText: 'running' })).toHaveCount(7);
  const peer = rows.filter({ hasText: 'peer0-org1' });
  await expect(peer).toContainText(await machine());
  await expect(operator.getByRole('columnheader', { name: 'Machine' })).toBeVisible();
  await expect(peer.getByTitle(await machine(), { exact: true }).first()).toHaveText(/\S/);
});

test('the endpoints stand there under the names that users know, at the ports of the scheme', async () => {
  const shown = await endpoints();
  expect([...shown.keys()].sort()).toEqual(PORTS.map(([name]) => name).sort());
  const block = Number(/:(\d+)$/.exec(shown.get('orderer0') ?? '')?.[1] ?? Number.NaN) - 10;
  // Blocks begin at 31000 and are a hundred ports apart; which one is free, others on the cluster have a say in.
  expect(block).toBeGreaterThanOrEqual(31_000);
  expect(block).toBeLessThan(32_000);
  expect(block % 100).toBe(0);
  const address = await machine();
  for (const [name, offset] of PORTS) {
    expect(shown.get(name), name).toBe(`${address}:${block + offset}`);
  }
});

test('the channel page shows four peers that have joined, and an anchor peer of each organization', async () => {
  await open(operator, chainPage('/channels/mychannel'));
  const rows = operator.getByRole('region', { name: 'Peers' }).locator('tbody tr');
  await expect(rows).toHaveCount(4);
  await expect(rows.filter({ hasNotText: 'not joined' }).filter({ hasText: 'joined' })).toHaveCount(4);
  const anchors = operator.locator('dl.facts dt:text-is("Anchor peers") + dd');
  await expect(anchors).toContainText('Org1MSP: peer0-org1:7051');
  await expect(anchors).toContainText('Org2MSP: peer0-org2:7051');
  for (const organization of ['org1', 'org2']) {
    await expect(operator.getByLabel(`Anchor peer: peer0-${organization}`)).toBeChecked();
    await expect(operator.getByLabel(`Anchor peer: peer1-${organization}`)).not.toBeChecked();
  }
});

test('the sample is deployed as it is filled in', async () => {
  test.setTimeout(PATIENCE_MS + 60_000);
  await open(operator, chainPage('/chaincode'));
  await operator.getByRole('button', { name: 'Deploy' }).click();
  await operationDone(operator, PATIENCE_MS);
});

test('init, move and query: 90 and 210', async () => {
  await open(operator, chainPage('/invoke'));
  const outcome = outcomeOf(operator, 'Transaction submitted');
  await call(operator, 'Submit', 'init', ['a', '100', 'b', '200']);
  await expect(outcome).toContainText('VALID', { timeout: 30_000 });
  await call(operator, 'Submit', 'move', ['a', 'b', '10']);
  await expect(outcome).toContainText('VALID', { timeout: 30_000 });
  await holds('a', '90');
  await holds('b', '210');
});

test('the explorer shows the move, and the block that it is in', async () => {
  await open(operator, chainPage('/transactions'));
  const moved = operator.getByRole('row').filter({ hasText: 'move(a, b, 10)' });
  await expect(moved).toHaveCount(1);
  await moved.locator('a[href*="/transactions/"]').click();
  await expect(operator).toHaveURL(/\/transactions\/mychannel\/[0-9a-f]{64}$/);
  const id = operator.url().split('/').at(-1) ?? '';
  await expect(operator.locator('dt:text-is("Event") + dd')).toHaveText('moved {"from":"a","to":"b","amount":10}');
  await operator.locator('main a[href*="/blocks/"]').first().click();
  await expect(operator).toHaveURL(/\/blocks\/mychannel\/\d+$/);
  // Both hashes: the one of what is in it, and the one that the block before has.
  await expect(operator.locator('dl.facts dd').filter({ hasText: 'verified' })).toHaveCount(2);
  const row = operator.getByRole('region', { name: 'Transactions' }).locator('tbody tr').filter({
    has: operator.locator(`a[href$="/transactions/mychannel/${id}"]`),
  });
  await expect(row).toContainText('VALID');
});

test('an upgrade to the second version keeps the state', async () => {
  test.setTimeout(PATIENCE_MS + 60_000);
  await open(operator, chainPage('/chaincode'));
  await operator.getByRole('link', { name: 'Upgrade' }).click();
  await expect(operator.getByLabel('Version', { exact: true })).toHaveValue('2');
  const image = operator.getByLabel('Image', { exact: true });
  await image.fill((await image.inputValue()).replace(/:1$/, ':2'));
  await operator.getByRole('button', { name: 'Deploy' }).click();
  await operationDone(operator, PATIENCE_MS);
  await open(operator, chainPage('/invoke'));
  // The first version does not know this function.
  await call(operator, 'Query', 'version', []);
  await expect(outcomeOf(operator, 'Answer of the query').locator('[data-test=answer]')).toContainText('2', {
    timeout: 30_000,
  });
  await holds('a', '90');
  await holds('b', '210');
});

test('the page of a node shows its log', async () => {
  await open(operator, chainPage('/nodes/peer0-org1'));
  await expect(operator.getByRole('main').getByText('running').first()).toBeVisible();
  const fact = (name: string): Locator => operator.locator(`dl.facts dt:text-is("${name}") + dd`);
  await expect(fact('Machine')).toContainText(await machine());
  await expect(fact('Restarts')).toHaveText(/^\d+$/);
  await expect(fact('Started')).toContainText(/\d/);
  await expect(fact('Ports')).toContainText('7051 → ');
  // Lines of a process before are offered where there was one.
  const restarts = await fact('Restarts').innerText();
  await expect(operator.locator('#process')).toHaveCount(restarts === '0' ? 0 : 1);
  await expect(operator.locator('pre[role=log]')).toContainText(/\S/);
  await operator.getByLabel('Filter').fill('mychannel');
  await expect(operator.locator('pre[role=log]')).toContainText('mychannel');
});

test('a node gets less of its machine on its page', async () => {
  test.setTimeout(PATIENCE_MS + 60_000);
  await open(operator, chainPage('/nodes/peer0-org1'));
  await operator.getByLabel('CPU (cores)').fill('0.25');
  await operator.getByRole('button', { name: 'Resize' }).click();
  await operationDone(operator, PATIENCE_MS);
  await open(operator, chainPage('/nodes/peer0-org1'));
  await expect(operator.locator('[data-test=limits]')).toContainText('0.25 CPU');
  await open(operator, chainPage('/invoke'));
  await holds('a', '90');
});

test('a stopped chain has no pods, and started again it holds what it held', async () => {
  test.setTimeout(2 * PATIENCE_MS);
  await open(operator, chainPage());
  await operator.getByRole('button', { name: 'Stop', exact: true }).click();
  await operator.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }).click();
  await operationDone(operator, PATIENCE_MS);
  await expect.poll(() => pods(space.name), { timeout: 60_000 }).toEqual([]);
  await open(operator, chainPage());
  await expect(operator.getByText('stopped').first()).toBeVisible();
  await operator.getByRole('button', { name: 'Start', exact: true }).click();
  await operationDone(operator, PATIENCE_MS);
  await open(operator, chainPage('/invoke'));
  await holds('a', '90');
  await holds('b', '210');
});

test('a deleted chain leaves nothing on the cluster', async () => {
  test.setTimeout(PATIENCE_MS + 60_000);
  expect(await leftOf(space.name)).not.toEqual([]);
  expect(await found(), 'what is looked for would be seen').toContain(`StatefulSet ${space.name}/peer0-org1`);
  await deleteChain(operator, portal, CHAIN, PATIENCE_MS, PASSWORD);
  await expect.poll(() => leftOf(space.name), { timeout: 60_000 }).toEqual([]);
  // A pod that only asked for an image may have been there before, and is gone.
  const more = async (): Promise<string[]> => (await found()).filter((object) => !before.includes(object));
  await expect.poll(more, { timeout: 60_000, message: 'the cluster has no more than before' }).toEqual([]);
  expect(await spacesOf(CHAIN)).toEqual([]);
  await open(operator, `${portal.url}/chains`);
  await expect(operator.getByText('No chains yet')).toBeVisible();
  await operator.context().close();
});
