// Who gets in, and how: the link, the password, logging out, and being logged out; and who does not.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Page, Request } from '@playwright/test';
import { Cardume } from '../fixtures/server.ts';
import { expect, listening, settles, test as board } from '../fixtures/board.ts';

const token = 'a-token-that-was-thought-up';

/** As for the board, but the server wants [token]. */
const test = board.extend({ options: async ({}, use) => use({ token }) });

/** Chromium's own words for a login that was refused, and for the questions that find the session gone. */
const refused = /Failed to load resource: the server responded with a status of 401/;

async function logIn(page: Page, secret: string) {
  await page.getByLabel('Password or token').fill(secret);
  await page.getByRole('button', { name: 'Log in' }).click();
}

test('the link opens the board once; logging out closes it', async ({ cardume, complaints, page, browser }) => {
  complaints.tolerate(refused);
  await page.goto(cardume.link);
  await listening(page);
  await expect(page).toHaveURL(`${cardume.url}/`);
  const [cookie] = await page.context().cookies();
  const port = new URL(cardume.url).port;
  expect(cookie).toMatchObject({ name: `cardume-${port}`, httpOnly: true, sameSite: 'Strict', path: '/' });
  await page.getByRole('button', { name: 'New card' }).click();
  await page.getByLabel('Title').fill('Plant a hedge');
  await page.getByLabel('Agent').selectOption('quick');
  await page.getByRole('button', { name: 'Create and run' }).click();
  await expect(page.getByRole('link', { name: 'Plant a hedge' })).toBeVisible();

  const other = await browser.newContext();
  const stranger = await other.newPage();
  const again = await stranger.goto(cardume.link);
  expect(again?.status()).toBe(401);
  await expect(stranger.getByRole('alert')).toContainText('used already');
  await stranger.goto(`${cardume.url}/`);
  await expect(stranger).toHaveURL(`${cardume.url}/login`);
  await other.close();

  await page.getByRole('button', { name: 'Log out' }).click();
  await expect(page).toHaveURL(`${cardume.url}/login`);
  await page.goBack();
  await expect(page.getByLabel('Password or token')).toBeVisible();
  await expect(page.getByText('Plant a hedge')).toBeHidden();
});

test('a password opens the board, a wrong one does not', async ({ cardume, complaints, page }) => {
  complaints.tolerate(refused);
  cardume.manage('correct horse\n', 'password');
  const card = await cardume.addCard('Water the ferns', 'quick');
  await page.goto(`/cards/${card.id}`);
  await expect(page).toHaveURL(`${cardume.url}/login?next=/cards/${card.id}`);
  await logIn(page, 'battery staple');
  await expect(page.getByRole('alert')).toContainText('neither the password nor a token');
  await logIn(page, 'correct horse');
  await expect(page).toHaveURL(`${cardume.url}/cards/${card.id}`);
  await listening(page);
  await expect(page.getByRole('heading', { level: 1, name: 'Water the ferns' })).toBeVisible();
});

test('whoever is logged out while the page is open is told so, and can log in again', async ({
  cardume, complaints, page,
}) => {
  complaints.tolerate(refused);
  // The page's own, so that its waiting takes the test no time.
  await page.clock.install();
  const laptop = cardume.manage('', 'token', 'new', 'laptop').trim();
  await page.goto('/');
  await logIn(page, laptop);
  await listening(page);
  await expect(page.getByTestId('connection')).toHaveText('');
  cardume.manage('', 'token', 'revoke', 'laptop');
  await expect(page.getByTestId('connection')).toContainText('You are logged out');
  // It does not go on asking.
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.clock.runFor('01:00');
  expect(asked).toEqual([]);
  await page.getByRole('link', { name: 'Log in again' }).click();
  await logIn(page, token);
  await listening(page);
  await expect(page.getByTestId('connection')).toHaveText('');
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('one logs in, runs a card, stays on its page, and logs out', async ({ cardume, complaints, page }) => {
    complaints.tolerate(/was preloaded using link preload but not used/);
    complaints.tolerate(refused);
    const card = await cardume.addCard('Prune the vine', 'quick');
    await page.goto(`/cards/${card.id}`);
    await logIn(page, 'a wrong one');
    await expect(page.getByRole('alert')).toContainText('neither');
    await logIn(page, token);
    await expect(page).toHaveURL(`${cardume.url}/cards/${card.id}`);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await expect(page).toHaveURL(`${cardume.url}/cards/${card.id}`);
    await settles(cardume, card, 'done');
    await page.reload();
    await page.getByRole('button', { name: 'Log out' }).click();
    await expect(page).toHaveURL(`${cardume.url}/login`);
  });
});

/** Another site: a page at each path, of this HTML. */
async function site(pages: Record<string, string>) {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html').end(pages[request.url ?? ''] ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://localhost:${port}`, stop: () => server.close() };
}

for (const [who, base] of [['nobody is asked', board], ['a login is wanted', test]] as const) {
  base(`another site's page reaches nothing where ${who}`, async ({ cardume, complaints, page }) => {
    complaints.tolerate(/./);
    if (base === test) {
      await page.goto(cardume.link);
      // Else what the board's own page still fetches would be taken for the other site's.
      await listening(page);
    }
    const evil = await site({
      '/': `<img src="${cardume.url}/favicon.svg"><script src="${cardume.url}/api/cards"></script>
        <iframe src="${cardume.url}/"></iframe>
        <script>
          fetch('${cardume.url}/api/projects', { mode: 'no-cors' }).catch(() => {});
          fetch('${cardume.url}/api/cards', { credentials: 'include' }).catch(() => {});
          fetch('${cardume.url}/api/projects', { method: 'POST', mode: 'no-cors', body: '{"path":"/"}' }).catch(() => {});
          navigator.sendBeacon('${cardume.url}/fn/poll_board', '{}');
        </script>
        <a href="${cardume.url}/">the board</a>`,
      '/form': `<form method="post" action="${cardume.url}/fn/run_card"><input name="id" value="x"></form>
        <script>document.forms[0].submit()</script>`,
    });
    // The server refuses; and the browser keeps even that from the page, where the page could read it.
    const outcomes = new Map<string, number | string>();
    const note = (request: Request, outcome: number | string) => {
      // The browser fetches the icon of the board's own page when it likes.
      if (!request.url().startsWith(cardume.url) || request.resourceType() === 'other') return;
      outcomes.set(`${request.method()} ${new URL(request.url()).pathname} ${request.resourceType()}`, outcome);
    };
    page.on('response', (response) => note(response.request(), response.status()));
    page.on('requestfailed', (request) => note(request, 'kept back'));
    await page.goto(evil.url);
    await expect.poll(() => [...outcomes.keys()].length).toBeGreaterThanOrEqual(6);
    expect([...outcomes].filter(([, outcome]) => outcome !== 403 && outcome !== 'kept back')).toEqual([]);
    expect((await cardume.call<{ projects: unknown[] }>('GET', '/api/projects')).projects).toHaveLength(1);

    // A link may lead to the board; and who is logged in still is.
    await page.getByRole('link', { name: 'the board' }).click();
    await listening(page);
    await expect(page.getByRole('button', { name: 'New card' })).toBeVisible();

    outcomes.clear();
    await page.goto(`${evil.url}/form`);
    await expect.poll(() => outcomes.get('POST /fn/run_card document')).toBe(403);
    evil.stop();
  });
}

const elsewhere = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

test('over plain HTTP from another machine one logs in, works and logs out', async ({ complaints, browser }) => {
  test.skip(!elsewhere, 'this machine has no address but loopback');
  complaints.tolerate(refused);
  const cardume = await Cardume.start({ token, host: elsewhere ?? '' });
  const context = await browser.newContext();
  try {
    await cardume.addProject();
    await cardume.addCard('Turn the soil', 'gated');
    const page = await context.newPage();
    await page.goto(`${cardume.url}/`);
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    await logIn(page, 'a wrong one');
    await expect(page.getByRole('alert')).toContainText('neither');
    await logIn(page, token);
    await listening(page);
    await expect(page).toHaveURL(`${cardume.url}/`);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await expect(page.getByRole('button', { name: 'Cancel', exact: true })).toBeVisible();
    await page.getByRole('button', { name: 'Log out' }).click();
    await expect(page).toHaveURL(`${cardume.url}/login`);
  } finally {
    await context.close();
    await cardume.dispose();
  }
});
