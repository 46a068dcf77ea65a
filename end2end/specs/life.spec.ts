/**
 * A chain after its first day: a second channel, further peers and anchor peers, a chaincode taken step by step through
 * its board, calls in all their forms, what people take away, and a creation that is called off.
 */
import { readFile } from 'node:fs/promises';

import {
  beginSmallChain,
  call,
  expect,
  open,
  operationDone,
  outcomeOf,
  ownPortal,
  page,
  portal,
  setUp,
  test,
  ADMIN,
} from '../visit.ts';
import type { Locator, Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });

const CHAIN = 'demo';
const CHANNEL = 'second';
const CHAINCODE = 'stepwise';

ownPortal();

const chainPage = (rest = ''): string => `${portal.url}/chains/${CHAIN}${rest}`;

/** The card of a definition with its board. */
function board(): Locator {
  return page.locator('section.card').filter({ has: page.getByRole('heading', { name: CHAINCODE }) });
}

/** Opens the form for calls on the second channel. */
async function invokeThere(): Promise<void> {
  await open(page, chainPage('/invoke'));
  await page.getByLabel('Channel', { exact: true }).selectOption(CHANNEL);
  await expect(page.getByLabel('Chaincode', { exact: true })).toHaveValue(CHAINCODE);
}

test('a chain to live with', async () => {
  await setUp(page, portal);
  await page.getByRole('button', { name: 'Create demo chain' }).click();
  await operationDone(page);
});

test('a second channel over one peer of each organization', async () => {
  await open(page, chainPage('/channels'));
  await page.getByLabel('Name', { exact: true }).fill(CHANNEL);
  await page.getByRole('button', { name: 'Create channel' }).click();
  await expect(page.getByText('A chain needs at least one organization.')).toBeVisible();
  await page.getByLabel('peer0-org1').check();
  await page.getByLabel('peer0-org2').check();
  await page.getByRole('button', { name: 'Create channel' }).click();
  await operationDone(page);
});

test('a further peer joins it', async () => {
  await open(page, chainPage(`/channels/${CHANNEL}`));
  const row = page.getByRole('row').filter({ hasText: 'peer1-org1' });
  await expect(row).toContainText('not joined');
  await row.getByRole('button', { name: 'Join' }).click();
  await operationDone(page);
  await open(page, chainPage(`/channels/${CHANNEL}`));
  await expect(row).not.toContainText('not joined');
});

test('an organization has two anchor peers', async () => {
  await expect(page.getByLabel('Anchor peer: peer0-org1')).toBeChecked();
  const second = page.getByLabel('Anchor peer: peer1-org1');
  await expect(second).not.toBeChecked();
  await second.check();
  await page.getByRole('button', { name: 'Set anchor peers of org1' }).click();
  await operationDone(page);
  await open(page, chainPage(`/channels/${CHANNEL}`));
  await expect(page.getByText(/peer0-org1:7051, peer1-org1:7051/).first()).toBeVisible();
  await expect(second).toBeChecked();
});

/** Unfolds a tree along its keys, and gives what is there. */
async function unfolded(tree: Locator, keys: readonly string[]): Promise<Locator> {
  let at = tree;
  for (const key of keys) {
    const branch = at.locator(`xpath=./li/details[summary='${key}']`);
    if ((await branch.getAttribute('open')) === null) {
      await branch.locator('xpath=./summary').click();
    }
    at = branch.locator('xpath=./ul');
  }
  return at;
}

test('the configuration of a channel is shown as a tree and as JSON', async () => {
  await open(page, chainPage(`/channels/${CHANNEL}`));
  const tree = page.locator('main ul.tree').first();
  const timeout = await unfolded(tree, ['groups', 'Orderer', 'values', 'BatchTimeout']);
  await expect(timeout).toBeVisible();
  await expect(timeout).toContainText('value: 200ms');
  const members = tree.locator("xpath=./li/details/ul/li/details[summary='Application']/ul");
  await expect(members).toBeHidden();
  await unfolded(tree, ['groups', 'Application', 'groups']);
  await expect(members.getByText('Org1MSP', { exact: true }).first()).toBeVisible();
  await page.getByText('JSON', { exact: true }).click();
  const text = page.locator("xpath=//details[summary='JSON']/pre");
  await expect(text).toBeVisible();
  const { groups } = JSON.parse(await text.innerText());
  expect(groups.Orderer.values.BatchTimeout.value).toBe('200ms');
  expect(Object.keys(groups.Application.groups).sort()).toEqual(['Org1MSP', 'Org2MSP']);
});

test('the policy editor writes the expression over the members of the channel', async () => {
  await open(page, chainPage('/chaincode'));
  await page.getByLabel('Channel', { exact: true }).selectOption(CHANNEL);
  await page.locator('#deploy').getByText('Advanced').click();
  const policy = page.getByLabel('Endorsement policy');
  const kind = page.getByLabel('Who must endorse');
  await kind.selectOption('any');
  await expect(policy).toHaveValue("OR('Org1MSP.peer','Org2MSP.peer')");
  await kind.selectOption('out-of');
  await page.getByLabel('How many').fill('2');
  await expect(policy).toHaveValue("OutOf(2,'Org1MSP.peer','Org2MSP.peer')");
  await page.getByLabel('org2', { exact: true }).uncheck();
  await expect(page.getByText('The value must be between 1 and 1.')).toBeVisible();
  await page.getByLabel('How many').fill('1');
  await expect(policy).toHaveValue("OutOf(1,'Org1MSP.peer')");
  await page.getByLabel('org2', { exact: true }).check();
  await kind.selectOption('');
  await expect(policy).toHaveValue('');
  await kind.selectOption('all');
  await expect(policy).toHaveValue("AND('Org1MSP.peer','Org2MSP.peer')");
});

test('a package is only installed, on chosen peers', async () => {
  await page.getByLabel('Name', { exact: true }).fill(CHAINCODE);
  await page.getByLabel('Version', { exact: true }).fill('1');
  await page.getByLabel('Needs an init call first').check();
  await expect(page.getByLabel('peer1-org2')).toHaveCount(0);
  await page.getByLabel('peer1-org1').uncheck();
  await page.getByRole('button', { name: 'Only install' }).click();
  await operationDone(page);
  await open(page, chainPage('/chaincode'));
  await expect(board()).toContainText('On its way: not committed yet.');
  await expect(board().getByRole('row').filter({ hasText: 'org1' })).toContainText('peer1-org1');
  await expect(board().getByRole('row').filter({ hasText: 'org2' })).toContainText('Not approved');
});

test('what is on its way cannot be called yet', async () => {
  await open(page, chainPage('/invoke'));
  await expect(page.getByLabel('Chaincode', { exact: true })).toHaveValue('example02');
  await expect(page.getByLabel('Channel', { exact: true }).locator('option')).toHaveCount(1);
});

test('it is approved and committed on the board', async () => {
  // Three operations of a chain that takes its time.
  test.setTimeout(300_000);
  for (const organization of ['org1', 'org2']) {
    await open(page, chainPage('/chaincode'));
    const row = board().getByRole('row').filter({ hasText: organization });
    await row.getByRole('button', { name: 'Approve' }).click();
    await operationDone(page);
  }
  await open(page, chainPage('/chaincode'));
  await expect(board().getByText('Not approved')).toHaveCount(0);
  await board().getByRole('button', { name: 'Commit' }).click();
  await operationDone(page);
  await open(page, chainPage('/chaincode'));
  await expect(board()).not.toContainText('On its way');
  await expect(board()).toContainText("AND('Org1MSP.peer','Org2MSP.peer')");
});

test('a change of channel changes the chaincode that is called', async () => {
  await invokeThere();
  await page.getByLabel('Channel', { exact: true }).selectOption('mychannel');
  await expect(page.getByLabel('Chaincode', { exact: true })).toHaveValue('example02');
});

test('it waits for its init call', async () => {
  await invokeThere();
  await call(page, 'Query', 'query', ['a']);
  await expect(page.getByText('The chaincode waits for its init call.').first()).toBeVisible();
  await page.getByLabel('This is the init call').check();
  await call(page, 'Submit', 'init', ['a', '100', 'b', '200']);
  await expect(outcomeOf(page, 'Transaction submitted')).toContainText('VALID');
});

test('an answer as text, as JSON and in hexadecimal', async () => {
  await invokeThere();
  await call(page, 'Query', 'query', ['a']);
  const answer = outcomeOf(page, 'Answer of the query');
  await expect(answer.locator('[data-test=answer]')).toContainText('100');
  await answer.getByText('JSON', { exact: true }).click();
  await expect(answer.locator('details').filter({ hasText: 'JSON' }).locator('pre')).toHaveText('100');
  await answer.getByText('Hexadecimal').click();
  await expect(answer.locator('details').filter({ hasText: 'Hexadecimal' }).locator('pre')).toHaveText('313030');
});

test('a call with transient data and chosen endorsers', async () => {
  await invokeThere();
  await page.getByText('Advanced').click();
  await page.getByLabel('Transient data (JSON object)').fill('{"reason":"not on the ledger"}');
  await page.getByLabel('org1', { exact: true }).check();
  await page.getByLabel('org2', { exact: true }).check();
  await call(page, 'Submit', 'move', ['a', 'b', '10']);
  const outcome = outcomeOf(page, 'Transaction submitted');
  await expect(outcome).toContainText('VALID');
  await outcome.getByRole('link', { name: 'Open transaction' }).click();
  await expect(page.getByRole('heading', { name: 'Read and write set' })).toBeVisible();
  await expect(page.getByRole('main')).not.toContainText('not on the ledger');
});

/** Clicks a link to a file and reads it. */
async function taken(link: Locator): Promise<{ name: string; content: Buffer }> {
  const coming = page.waitForEvent('download');
  await link.click();
  const download = await coming;
  return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
}

test('connection profile and material are taken away', async () => {
  await open(page, chainPage());
  const row = page.getByRole('region', { name: 'Connection profiles' }).getByRole('row').filter({ hasText: 'org1' });
  const profile = await taken(row.getByRole('link', { name: 'JSON' }));
  expect(profile.name).toBe('demo-org1.json');
  expect(JSON.parse(profile.content.toString())).toHaveProperty('organizations');
  const yaml = await taken(row.getByRole('link', { name: 'YAML' }));
  expect(yaml.content.toString()).toMatch(/^"?organizations"?:/m);
  const own = await taken(row.getByRole('link', { name: 'With my identity' }));
  expect(own.name).toBe('demo-org1.tar');
  expect(own.content.toString('latin1')).toContain('keystore');
});

test('an admin’s keys need the password', async () => {
  await open(page, chainPage());
  const row = page.getByRole('region', { name: 'Connection profiles' }).getByRole('row').filter({ hasText: 'org1' });
  await row.getByText('With admin keys').first().click();
  await row.getByLabel('Your password, once more').fill('wrong');
  await row.getByRole('button', { name: 'With admin keys' }).click();
  await expect(page.getByText('User name or password is wrong.')).toBeVisible();
  expect(page.url()).not.toContain('wrong');
  await page.getByRole('link', { name: 'Go back' }).click();
  await expect(page).toHaveURL(chainPage());
  await row.getByText('With admin keys').first().click();
  await row.getByLabel('Your password, once more').fill(ADMIN.password);
  const keys = await taken(row.getByRole('button', { name: 'With admin keys' }));
  expect(keys.name).toBe('demo-admin-org1.tar');
});

const NODE = '/nodes/peer0-org1';

/** The frame of a log, and its text as it stands there. */
const log = (tab: Page): Locator => tab.locator('pre[role=log]');
const logged = async (tab: Page): Promise<string> => (await log(tab).locator('span').textContent()) ?? '';

/** How many lines the page says there are. */
const counted = async (tab: Page): Promise<number> =>
  Number.parseInt(await tab.locator('.log-bar span.muted').innerText(), 10);

test('the log of a node is filtered, wrapped and copied', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: portal.url });
  await open(page, chainPage(NODE));
  await expect.poll(() => counted(page)).toBeGreaterThan(10);
  // What comes from now on waits: the lines below stay those that were counted.
  await page.getByRole('button', { name: 'Pause' }).click();
  const all = (await logged(page)).split('\n');
  const having = (word: string): string[] => all.filter((line) => line.toLowerCase().includes(word.toLowerCase()));
  const words = all.flatMap((line) => line.match(/[A-Za-z]{6,}/g) ?? []);
  const word = words.find((one) => having(one).length < all.length);
  if (word === undefined) {
    throw new Error(`no word tells the lines apart:\n${all.join('\n')}`);
  }
  const filter = page.getByLabel('Filter');
  await filter.fill(word.toUpperCase());
  await expect.poll(() => logged(page)).toBe(having(word).join('\n'));
  expect(await counted(page)).toBe(having(word).length);
  await page.locator('.log-bar').getByRole('button', { name: 'Copy', exact: true }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(having(word).join('\n'));
  await filter.fill('');
  await expect.poll(() => counted(page)).toBe(all.length);
  const wrap = page.getByRole('button', { name: 'Wrap' });
  await expect(wrap).toHaveAttribute('aria-pressed', 'true');
  await expect(log(page)).toHaveCSS('white-space', 'pre-wrap');
  await wrap.click();
  await expect(wrap).toHaveAttribute('aria-pressed', 'false');
  await expect(log(page)).toHaveCSS('white-space', 'pre');
});

test('a log shows as many of the last lines as are wished', async () => {
  await open(page, chainPage(NODE));
  await page.getByLabel('Last lines').selectOption('50');
  const few = (): Promise<boolean> => counted(page).then((count) => count >= 50 && count < 60);
  await expect.poll(few).toBe(true);
  await page.getByLabel('Last lines').selectOption('10000');
  await expect.poll(() => counted(page)).toBeGreaterThan(60);
});

/** Lets the node write to its log: it commits a block. */
async function commitBlock(): Promise<void> {
  await invokeThere();
  await call(page, 'Submit', 'move', ['a', 'b', '1']);
  await expect(outcomeOf(page, 'Transaction submitted')).toContainText('VALID');
}

test('a log is paused and goes on, and follows its end as long as it shall', async () => {
  const tab = await page.context().newPage();
  await open(tab, chainPage(NODE));
  await expect(log(tab)).toContainText(/\S/);
  const below = (): Promise<number> =>
    log(tab).evaluate((frame) => Math.round(frame.scrollHeight - frame.clientHeight - frame.scrollTop));
  const above = (): Promise<number> => log(tab).evaluate((frame) => frame.scrollTop);
  await expect.poll(above).toBeGreaterThan(0);
  await tab.getByRole('button', { name: 'Pause' }).click();
  const before = await logged(tab);
  await commitBlock();
  await expect(tab.getByText(/new lines wait/)).toBeVisible();
  expect(await logged(tab)).toBe(before);
  await tab.getByRole('button', { name: 'Go on' }).click();
  await expect.poll(async () => (await logged(tab)).length).toBeGreaterThan(before.length);
  expect((await logged(tab)).startsWith(before)).toBe(true);
  await expect(tab.getByText(/new lines wait/)).toHaveCount(0);
  await expect.poll(below).toBeLessThanOrEqual(1);
  const follow = tab.getByRole('button', { name: 'Follow' });
  await follow.click();
  await expect(follow).toHaveAttribute('aria-pressed', 'false');
  await log(tab).evaluate((frame) => frame.scrollTo(0, 0));
  const length = (await logged(tab)).length;
  await commitBlock();
  await expect.poll(async () => (await logged(tab)).length).toBeGreaterThan(length);
  expect(await above()).toBe(0);
  await follow.click();
  await expect.poll(below).toBeLessThanOrEqual(1);
  await tab.close();
});

/** Lines of a log that is fed to the page; one of a thousand is rare. */
const fed = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `${from + at} ${(from + at) % 1000 === 7 ? 'Rare' : 'Common'} line`);

/** The same as the portal streams them, and how long the browser waits before it connects again. */
function streamed(lines: readonly string[], againMs: number): string {
  let text = `retry: ${againMs}\n\n`;
  for (let at = 0; at < lines.length; at += 1_000) {
    text += `data: ${JSON.stringify(lines.slice(at, at + 1_000))}\n\n`;
  }
  return text;
}

test('a log of a hundred thousand lines is filtered, looked through and copied', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: portal.url });
  const tab = await page.context().newPage();
  let goOn = (): void => {};
  const more = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let connections = 0;
  await tab.route(/\/nodes\/peer0-org1\/logs\?/, async (route) => {
    connections += 1;
    // The second connection begins with lines that are known, and has some that are new.
    const isFirst = connections === 1;
    if (!isFirst) {
      await more;
    }
    const body = isFirst ? streamed(fed(0, 100_000), 100) : streamed(fed(99_000, 100_500), 3_600_000);
    await route.fulfill({ status: 200, contentType: 'text/event-stream', body });
  });
  await open(tab, chainPage(NODE));
  await expect.poll(() => counted(tab)).toBe(100_000);
  expect(await logged(tab)).toBe(fed(99_000, 100_000).join('\n'));
  const earlier = tab.getByRole('button', { name: 'Earlier lines' });
  await earlier.click();
  await expect.poll(() => logged(tab)).toBe(fed(98_000, 99_000).join('\n'));
  await log(tab).evaluate((frame) => frame.scrollTo(0, 0));
  await earlier.click();
  await expect.poll(() => logged(tab)).toBe(fed(97_000, 98_000).join('\n'));
  await tab.getByRole('button', { name: 'Later lines' }).click();
  await expect.poll(() => logged(tab)).toBe(fed(98_000, 99_000).join('\n'));
  const copy = tab.locator('.log-bar').getByRole('button', { name: 'Copy', exact: true });
  const clipboard = (): Promise<string> => tab.evaluate(() => navigator.clipboard.readText());
  await copy.click();
  // Compared here, for a difference of such a length says nothing to anybody.
  await expect.poll(async () => (await clipboard()) === fed(0, 100_000).join('\n')).toBe(true);
  await tab.getByRole('button', { name: 'Follow' }).click();
  await tab.getByLabel('Filter').fill('RARE');
  const rare = (from: number, to: number): string[] => fed(from, to).filter((line) => line.includes('Rare'));
  await expect.poll(() => logged(tab)).toBe(rare(0, 100_000).join('\n'));
  expect(await counted(tab)).toBe(100);

  // What comes now is filtered as it comes, and the oldest go.
  goOn();
  await expect.poll(() => logged(tab)).toMatch(/100007 Rare line$/);
  const hits = await logged(tab);
  await copy.click();
  await expect.poll(clipboard).toBe(hits);
  await tab.getByLabel('Filter').fill('');
  await expect.poll(() => counted(tab)).toBeGreaterThan(1_000);
  const kept = await counted(tab);
  expect(kept).toBeLessThanOrEqual(100_000);
  expect(hits).toBe(rare(100_500 - kept, 100_500).join('\n'));
  expect(await logged(tab)).toBe(fed(99_500, 100_500).join('\n'));
  await tab.close();
});

test('the log of a node is taken away as text', async () => {
  await open(page, chainPage(NODE));
  await expect(log(page)).toContainText(/\S/);
  // An engine keeps all lines of a node in one stream: nobody is offered those of a process before.
  await expect(page.locator('#process')).toHaveCount(0);
  await page.getByRole('button', { name: 'Pause' }).click();
  const shown = (await logged(page)).trimEnd();
  const file = await taken(page.getByRole('link', { name: 'Download' }));
  expect(file.name).toBe('demo-peer0-org1.log');
  // From the first line on, and not only what the page shows.
  expect(file.content.toString()).toContain(shown);
  const answer = await page.request.get(chainPage(`${NODE}/log.txt`));
  expect(answer.status()).toBe(200);
  expect(answer.headers()).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'content-disposition': 'attachment; filename="demo-peer0-org1.log"',
  });
  expect(await answer.text()).toContain(shown);
});

test('a node gets other limits on its page, and keeps its ledger', async () => {
  await open(page, chainPage(NODE));
  const limits = page.locator('[data-test=limits]');
  const cpu = page.getByLabel('CPU (cores)');
  await expect(cpu).toHaveValue('1');
  const resize = page.getByRole('button', { name: 'Resize' });
  await resize.click();
  await expect(page.getByText('The node has these limits already. Choose others.')).toBeVisible();
  await cpu.fill('0.8');
  await resize.click();
  await expect(page.getByText('Choose a multiple of 0.25 CPU between 0.25 and 64.')).toBeVisible();
  // What somebody has typed stays when the page learns of a new block.
  const height = page.locator('dl.facts dt:text-is("Height (blocks)") + dd');
  await expect(height).toContainText('mychannel: ');
  const before = await height.innerText();
  const tab = await page.context().newPage();
  await open(tab, chainPage('/invoke'));
  await tab.getByLabel('Channel', { exact: true }).selectOption('mychannel');
  await expect(tab.getByLabel('Chaincode', { exact: true })).toHaveValue('example02');
  await call(tab, 'Submit', 'init', ['a', '100', 'b', '200']);
  await expect(outcomeOf(tab, 'Transaction submitted')).toContainText('VALID');
  await tab.close();
  await expect(height).not.toHaveText(before, { timeout: 60_000 });
  await expect(cpu).toHaveValue('0.8');
  await cpu.fill('');
  await cpu.pressSequentially('0.75');
  await expect(cpu).toHaveValue('0.75');
  await page.getByLabel('Memory (MiB)').fill('768');
  await resize.click();
  await operationDone(page);
  await open(page, chainPage(NODE));
  await expect(limits).toContainText('0.75 CPU, 768 MiB');
  await expect(cpu).toHaveValue('0.75');
  await invokeThere();
  await call(page, 'Query', 'query', ['a']);
  await expect(outcomeOf(page, 'Answer of the query').locator('[data-test=answer]')).toContainText(/\d+/);
});

test('the page of a channel says what it shows only while the chain runs', async () => {
  await open(page, chainPage());
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }).click();
  await operationDone(page);
  const answer = await page.goto(chainPage(`/channels/${CHANNEL}`));
  expect(answer?.status()).toBe(200);
  await expect(page).toHaveTitle(/^second · /);
  await expect(page.getByText('Only shown while the chain runs.')).toBeVisible();
});

test('a creation that is called off takes everything back', async () => {
  await beginSmallChain(page, portal, 'brief');
  await expect(page).toHaveURL(/\/operations\//);
  await page.getByRole('button', { name: 'Cancel operation' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel operation' }).click();
  const state = page.locator('main [role=status]').first();
  await expect(state).toContainText('undone', { timeout: 90_000 });
  await open(page, `${portal.url}/chains`);
  await expect(page.getByText(CHAIN).first()).toBeVisible();
  await expect(page.getByText('brief')).toHaveCount(0);
});
