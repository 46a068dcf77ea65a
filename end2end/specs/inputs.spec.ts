/**
 * Bad input and bad luck: each has its clear message, nothing typed is lost, nothing is done twice, and nothing that
 * was typed ever stands in an address.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';

import { chaincodePackage } from '../archive.ts';
import {
  call,
  expect,
  open,
  operationDone,
  outcomeOf,
  ownPortal,
  page,
  portal,
  ready,
  setUp,
  test,
  visitor,
  ADMIN,
} from '../visit.ts';
import type { Request } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const CHAIN = 'demo';
const PASSWORD = 'a few plain words together';

ownPortal();

test('a demo chain to type about', async () => {
  await setUp(page, portal);
  await page.getByRole('button', { name: 'Create demo chain' }).click();
  await operationDone(page);
});

test('a page tells whether somebody is at it', async ({ browser }) => {
  const guest = await visitor(browser);
  await open(guest, `${portal.url}/login`);
  const told = async (): Promise<string[]> => (await guest.context().cookies()).map((cookie) => cookie.name);
  await expect.poll(told).toContain('heddle_script');
  expect(await told()).not.toContain('heddle_here');
  await guest.getByLabel('User name').press('a');
  await expect.poll(told).toContain('heddle_here');
  await guest.context().close();
});

test('a wrong password is told without saying which part was wrong', async ({ browser }) => {
  const guest = await visitor(browser);
  await open(guest, `${portal.url}/login`);
  await guest.getByLabel('User name').fill(ADMIN.name);
  await guest.getByLabel('Password').fill('not the password');
  await guest.getByRole('button', { name: 'Sign in' }).click();
  await expect(guest.getByText('User name or password is wrong.')).toBeVisible();
  expect(guest.url()).not.toContain('password');
  await guest.context().close();
});

test('a form that is sent before its script is there keeps its secrets out of the address', async ({ browser }) => {
  const plain = await visitor(browser, {
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  const sent = async (button: string): Promise<number> => {
    const answer = plain.waitForResponse((response) => response.request().method() === 'POST');
    await plain.getByRole('button', { name: button, exact: true }).click();
    return (await answer).status();
  };
  await plain.goto(`${portal.url}/chains/${CHAIN}/chaincode`);
  expect(await sent('Deploy')).toBe(303);
  await expect(plain).toHaveURL(`${portal.url}/chains/${CHAIN}/chaincode`);
  await plain.goto(`${portal.url}/hosts/new`);
  await plain.getByLabel('Client key (PEM)').fill('-----BEGIN KEY-----');
  expect(await sent('Add host')).toBe(303);
  await expect(plain).toHaveURL(`${portal.url}/hosts/new`);
  await plain.context().close();
});

test('people are made without a script, too', async ({ browser }) => {
  const plain = await visitor(browser, {
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  for (const [password, answer] of [
    ['short', 'The password is too short.'],
    [PASSWORD, 'early'],
  ] as const) {
    await plain.goto(`${portal.url}/users/new`);
    await plain.getByLabel('User name').fill('early');
    await plain.getByLabel('Password').fill(password);
    await plain.getByLabel('Password').press('Enter');
    await expect(plain.getByText(answer)).toBeVisible();
    await expect(plain).toHaveURL(`${portal.url}/users`);
  }
  await plain.context().close();
});

test('a session that ends while a form is open loses nothing', async () => {
  await open(page, `${portal.url}/users/new`);
  await page.getByLabel('User name').fill('late');
  await page.getByLabel('Password').fill(PASSWORD);
  const other = await page.context().newPage();
  await open(other, portal.url);
  await other.getByRole('button', { name: 'Account' }).click();
  await other.getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect(other).toHaveURL(/\/login/);
  await other.close();
  await page.getByRole('button', { name: 'Create user' }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'your session has ended' });
  await expect(alert).toBeVisible();
  await expect(page.getByLabel('User name')).toHaveValue('late');
  const opened = page.context().waitForEvent('page');
  await alert.getByRole('link', { name: 'Sign in in a new tab' }).click();
  const tab = await opened;
  await ready(tab);
  await tab.getByLabel('User name').fill(ADMIN.name);
  await tab.getByLabel('Password').fill(ADMIN.password);
  await tab.getByRole('button', { name: 'Sign in' }).click();
  await expect(tab.getByRole('navigation', { name: 'Main navigation' })).toBeVisible();
  await tab.close();
  await page.getByRole('button', { name: 'Create user' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'late' })).toContainText('User');
});

/** Opens the wizard at the organizations. */
async function organizations(): Promise<void> {
  await open(page, `${portal.url}/chains/new`);
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByLabel('Organization 1', { exact: true })).toBeVisible();
}

test('a field of the wizard is checked when it is left, and its error goes once it is right', async () => {
  await open(page, `${portal.url}/chains/new`);
  const name = page.getByLabel('Chain name');
  await name.fill('No Name');
  await expect(page.locator('#name-error')).toBeEmpty();
  await name.press('Tab');
  await expect(page.locator('#name-error')).toContainText('cannot be a name');
  await name.fill('fine');
  await expect(page.locator('#name-error')).toBeEmpty();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('First channel').fill('-');
  await page.locator('#batch_timeout').fill('1');
  await expect(page.locator('#channel-error')).toContainText('cannot be a name');
  await expect(page.locator('#batch_timeout-error')).toBeEmpty();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.locator('#batch_timeout-error')).toContainText('between 10 and 60000');
});

test('eleven organizations are too many', async () => {
  await organizations();
  for (let more = 0; more < 9; more += 1) {
    await page.getByRole('button', { name: 'Add organization' }).click();
  }
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByText('A chain has at most 10 organizations; these are 11.').first()).toBeVisible();
  await page.getByRole('button', { name: 'Remove organization 11' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByLabel('First channel')).toBeVisible();
});

test('27 peers are too many', async () => {
  await organizations();
  await page.locator('#peers-1').fill('25');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByText('A chain has at most 26 peers in all; these are 27.').first()).toBeVisible();
  await expect(page.locator('#peers-1')).toHaveValue('25');
});

test('the page of a chain names its state database', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}`);
  await expect(page.getByRole('main')).toContainText(/State database\s*LevelDB/);
});

test('the wizard names the state database, and the plan the files of each kind of node', async () => {
  await organizations();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('main')).toContainText(/State database\s*LevelDB/);
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('heading', { name: 'Files of each node' })).toBeVisible();
  await expect(page.getByRole('main')).toContainText('orderer.yaml');
  await expect(page.getByRole('main')).toContainText('core.yaml');
  await expect(page.getByRole('main')).toContainText('msp/keystore/priv_sk');
});

test('arguments that are no JSON where JSON is chosen', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}/invoke`);
  await page.getByLabel('Function').fill('query');
  await page.getByLabel('Arguments as').selectOption('json');
  const field = page.getByRole('textbox', { name: 'Arguments' });
  for (const bad of ['a,b', '{"a":1}', '["a"']) {
    await field.fill(bad);
    await page.getByRole('button', { name: 'Query', exact: true }).click();
    await expect(page.getByText('The arguments are not a JSON array.')).toBeVisible();
    await expect(field).toHaveValue(bad);
  }
  await page.getByText('Advanced').click();
  await field.fill('["a"]');
  await page.getByLabel('Transient data (JSON object)').fill('[1]');
  await page.getByRole('button', { name: 'Query', exact: true }).click();
  await expect(page.getByText('The transient data are not a JSON object of texts.')).toBeVisible();
});

test('unknown names below a chain that exists are not found', async () => {
  const id = '0'.repeat(64);
  for (const address of [
    'channels/none',
    'channels/NOT-A-NAME',
    `transactions/mychannel/${id}`,
    'transactions/mychannel/abc',
    `transactions/none/${id}`,
    'blocks/mychannel/999999',
    'blocks/mychannel/abc',
    'blocks/none/0',
    'nodes/none',
    'nodes/none/log.txt',
    'profile/none.json',
    'profile/org1.exe',
    'material/none.tar',
    'none',
  ]) {
    const answer = await page.request.get(`${portal.url}/chains/${CHAIN}/${address}`);
    expect(answer.status(), address).toBe(404);
  }
  await open(page, `${portal.url}/chains/${CHAIN}/channels/none`);
  await expect(page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible();
});

test('a file that is refused has a page with the way back', async () => {
  const answer = await page.goto(`${portal.url}/chains/${CHAIN}/profile/none.json`);
  expect(answer?.status()).toBe(404);
  await expect(page.getByText('It does not exist, or you may not see it.')).toBeVisible();
  await page.getByRole('link', { name: 'Go back' }).click();
  await expect(page).toHaveURL(`${portal.url}/chains/${CHAIN}`);
});

test('a version that is malformed and a name that is kept', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}/chaincode`);
  const version = page.getByLabel('Version', { exact: true });
  const good = await version.inputValue();
  await version.fill('one of many');
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await expect(page.getByText('The version may hold letters, digits')).toBeVisible();
  await version.fill(good);
  await page.getByLabel('Name', { exact: true }).fill('lscc');
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await expect(page.getByText('Fabric keeps the name lscc for itself.')).toBeVisible();
  await expect(page).toHaveURL(/\/chaincode$/);
});

test('a package that is none, and a good one', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}/chaincode`);
  await page.locator('#deploy').getByText('Advanced').click();
  const file = (buffer: Buffer): { name: string; mimeType: string; buffer: Buffer } => ({
    name: 'basic.tgz',
    mimeType: 'application/gzip',
    buffer,
  });
  await page.locator('#package').setInputFiles(file(Buffer.from('this is no archive')));
  await expect(page.getByText('The package cannot be read.')).toBeVisible();
  await page.locator('#package').setInputFiles(file(chaincodePackage('basic_1.0', 'basic:9999')));
  await expect(page.getByText('Its label basic_1.0 is used.')).toBeVisible();
  await expect(page.getByText('The package cannot be read.')).toHaveCount(0);
});

test('two clicks on Submit are one transaction', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}/invoke`);
  await page.getByLabel('Function').fill('init');
  await page.getByRole('textbox', { name: 'Arguments' }).fill('a\n100\nb\n200');
  await page.getByRole('button', { name: 'Submit', exact: true }).dblclick();
  await expect(page.locator('section.outcome')).toContainText('VALID');
  await open(page, `${portal.url}/chains/${CHAIN}/transactions`);
  await expect(page.locator('main tbody tr')).toHaveCount(1);
});

/** A port of this machine's own address on which nobody listens. */
async function closedPort(): Promise<{ address: string; port: number }> {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const address = own.find((one) => one.family === 'IPv4' && !one.internal)?.address ?? '192.0.2.1';
  const port = await new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, () => {
      const bound = server.address();
      server.close(() => resolve(bound !== null && typeof bound === 'object' ? bound.port : 2376));
    });
  });
  return { address, port };
}

/** A certificate with its key, as a client of an engine has them. */
function clientMaterial(): { certificate: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-client-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const made = ['req', '-x509', ...curve, '-days', '2', '-subj', '/CN=client', '-keyout', key, '-out', certificate];
  execFileSync('openssl', made, { stdio: 'ignore' });
  const texts = { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  rmSync(folder, { recursive: true });
  return texts;
}

test('an engine that cannot be reached: the stage is named', async () => {
  const { address, port } = await closedPort();
  const material = clientMaterial();
  await open(page, `${portal.url}/hosts/new`);
  await page.getByLabel('Name', { exact: true }).fill('far');
  await page.getByLabel('Port', { exact: true }).fill(String(port));
  await page.getByLabel('CA certificate (PEM)').fill(material.certificate);
  await page.getByLabel('Client certificate (PEM)').fill(material.certificate);
  await page.getByLabel('Client key (PEM)').fill(material.key);
  for (const [where, stage] of [
    [address, 'TCP connection: failed'],
    ['no-such-engine.invalid', 'Address: failed'],
    ['127.0.0.1', 'Address: failed'],
  ] as const) {
    await page.getByLabel('Address', { exact: true }).fill(where);
    await page.getByRole('button', { name: 'Test connection' }).click();
    await expect(page.getByText(stage), where).toBeVisible({ timeout: 60_000 });
  }
  await expect(page.getByLabel('Client key (PEM)')).toHaveValue(material.key);
});

/** What the page tells of its streams of logs; set up before its scripts run. */
function countStreams(): void {
  const counted = window as unknown as { streams: number };
  counted.streams = 0;
  const Native = window.EventSource;
  window.EventSource = class extends Native {
    constructor(url: string | URL) {
      super(url);
      counted.streams += this.url.includes('/logs') ? 1 : 0;
    }
    override close(): void {
      counted.streams -= this.url.includes('/logs') ? 1 : 0;
      super.close();
    }
  };
}

test('a log that nobody looks at frees its connection, and goes on where it was', async () => {
  const tab = await page.context().newPage();
  await tab.addInitScript(countStreams);
  await open(tab, `${portal.url}/chains/${CHAIN}/nodes/peer0-org1`);
  const lines = tab.locator('pre[role=log]');
  await expect(lines).toContainText(/\S/);
  const streams = (): Promise<number> => tab.evaluate(() => (window as unknown as { streams: number }).streams);
  const show = (hidden: boolean): Promise<void> =>
    tab.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }, hidden);
  expect(await streams()).toBe(1);
  await show(true);
  expect(await streams()).toBe(0);
  await expect(lines).toContainText(/\S/);
  await show(false);
  expect(await streams()).toBe(1);
  await tab.getByRole('button', { name: 'Pause' }).click();
  await show(true);
  await show(false);
  // What comes anew waits, and what was there stays.
  await expect(tab.getByText(/new lines wait/)).toBeVisible();
  await expect(lines).toContainText(/\S/);
  await tab.close();
});

test('an answer that was lost is asked for again', async () => {
  await open(page, `${portal.url}/operations`);
  await page.evaluate(() => ((window as unknown as { kept: boolean }).kept = true));
  let lost = 0;
  const lose = (route: { abort(): Promise<void> }): Promise<void> => {
    lost += 1;
    return route.abort();
  };
  await page.route('**/api/chain_page', lose, { times: 1 });
  const navigation = page.getByRole('navigation', { name: 'Main navigation' });
  await navigation.getByRole('link', { name: 'Chains' }).click();
  await expect(page).toHaveURL(`${portal.url}/chains`);
  await expect(page.getByRole('main').getByText(CHAIN).first()).toBeVisible();
  expect(lost).toBe(1);
  expect(await page.evaluate(() => (window as unknown as { kept?: boolean }).kept)).toBe(true);
});

/** What every page hears when the stream of events begins anew: everything may have changed. */
const RESYNC = '"resync"';

/** Says something to the page in the name of another tab. */
const refresh = (message = RESYNC): Promise<void> =>
  page.evaluate((text) => {
    const channel = new BroadcastChannel('heddle-events');
    channel.postMessage(text);
    channel.close();
  }, message);

/** Refreshes the page, and returns when it has its answer. */
async function refreshed(question: string, message = RESYNC): Promise<void> {
  const answer = page.waitForResponse((response) => response.url().endsWith(`/api/${question}`));
  await refresh(message);
  await (await answer).finished();
}

test('a refresh of the page takes nothing from under the hands of who types', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}/invoke`);
  await page.getByLabel('Arguments as').selectOption('json');
  const field = page.getByRole('textbox', { name: 'Arguments' });
  const element = await field.elementHandle();
  await field.focus();
  for (const letter of '["a","b"]') {
    await page.keyboard.insertText(letter);
    await refreshed('chaincode_list');
  }
  // The answer before this one stands on the page by now.
  await refreshed('chaincode_list');
  await expect(field).toHaveValue('["a","b"]');
  await expect(field).toBeFocused();
  expect(await element?.evaluate((one) => one.isConnected)).toBe(true);
});

for (const [path, question] of [
  ['', 'chain_read'],
  ['/invoke', 'chaincode_list'],
  ['/chaincode', 'chaincode_sample'],
  ['/channels', 'channel_list'],
] as const) {
  test(`a refresh leaves every field of the page chains/${CHAIN}${path} where it is`, async () => {
    await open(page, `${portal.url}/chains/${CHAIN}${path}`);
    const fields = page.locator('main form').locator('input, select, textarea, option');
    await expect(fields.first()).toBeAttached();
    if (path === '') await expect(page.locator('#give-user')).toBeVisible();
    const known = await fields.elementHandles();
    expect(known.length).toBeGreaterThan(2);
    for (let round = 0; round < 3; round += 1) {
      await refreshed(question);
    }
    const there = await Promise.all(known.map((one) => one.evaluate((element) => element.isConnected)));
    expect(there.filter((is) => !is)).toEqual([]);
    await expect(fields).toHaveCount(known.length);
  });
}

test('who has access is asked again when it changes, and not with every change of the chain', async () => {
  // The page hears nothing but what is said here.
  await page.route('**/events', (route) => route.abort());
  await open(page, `${portal.url}/chains/${CHAIN}`);
  let asked = 0;
  const count = (request: Request): void => {
    asked += request.url().endsWith('/api/chain_access') ? 1 : 0;
  };
  page.on('request', count);
  const changed = (noun: string): string => JSON.stringify({ changed: { noun, id: CHAIN } });
  await refreshed('chain_read', changed('chain'));
  // The answer before this one stands on the page by now.
  await refreshed('chain_read', changed('chain'));
  await refreshed('chain_access', changed('access'));
  expect(asked).toBe(1);
  page.off('request', count);
  await page.unroute('**/events');
});

test('while the portal does not answer, the page stays and says that it may be old', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}/invoke`);
  const field = page.getByLabel('Function');
  await field.fill('half a wo');
  await page.route('**/api/**', (route) => route.abort());
  await refresh();
  const notice = page.getByText('What you see may be old');
  await expect(notice).toBeVisible();
  await expect(field).toHaveValue('half a wo');
  await page.unroute('**/api/**');
  await expect(notice).toHaveCount(0);
  await expect(field).toHaveValue('half a wo');
});

test('a submit whose answer was lost is asked for under the same key: one transaction', async () => {
  await open(page, `${portal.url}/chains/${CHAIN}/transactions`);
  const before = await page.locator('main tbody tr').count();
  await open(page, `${portal.url}/chains/${CHAIN}/invoke`);
  let arrived = 0;
  await page.route(
    '**/api/transaction_submit',
    async (route) => {
      // The portal does it, the browser does not hear of it.
      arrived = (await route.fetch()).status();
      await route.abort();
    },
    { times: 1 },
  );
  await call(page, 'Submit', 'move', ['a', 'b', '1']);
  await expect(outcomeOf(page, 'Transaction submitted')).toContainText('VALID');
  expect(arrived).toBe(200);
  await open(page, `${portal.url}/chains/${CHAIN}/transactions`);
  await expect(page.locator('main tbody tr')).toHaveCount(before + 1);
});
