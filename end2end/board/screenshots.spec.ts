// Pictures of every page in every state, for people: end2end/artifacts/. No baseline is kept, as fonts differ from one
// machine to the next: what is compared, pixel for pixel, are pictures of the same run that must be the same.

import { join } from 'node:path';
import type { Browser, Page } from '@playwright/test';
import { browser as chromium } from '../fixtures/browser.ts';
import { Cardume } from '../fixtures/server.ts';
import {
  type Card, expect, linesReach, listening, serverIsAway, settles, test, tile,
} from '../fixtures/board.ts';

const folder = join(import.meta.dirname, '../artifacts');
const desk = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };
const sizes = [desk, { width: 1024, height: 768 }, phone];
const schemes = ['light', 'dark'] as const;

// The server prints UTC; so does the browser then, and times are the same before and after the page listens.
// A trace keeps the whole page at each step, which takes longer than the pictures.
test.use({ viewport: desk, timezoneId: 'UTC', trace: 'off', screenshot: 'off' });
// What is drawn anew in part has other edges, by a shade, than what is drawn at once.
test.use({ launchOptions: { ...chromium, args: [...chromium.args, '--disable-partial-raster'] } });
test.describe.configure({ timeout: 180_000 });

/** Pictures of what the page shows now, at each size, light and dark. No page may be wider than its window. */
async function pictures(page: Page, what: string): Promise<void> {
  const browser = await page.context().newCDPSession(page);
  for (const size of sizes) {
    await page.setViewportSize(size);
    await browser.send('Emulation.setTouchEmulationEnabled', { enabled: size === phone });
    const surplus = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect.soft(surplus, `${what} at ${size.width}: pixels to scroll sideways`).toBeLessThanOrEqual(0);
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(folder, `${what}-${size.width}-${colorScheme}.png`), animations: 'disabled' });
    }
  }
  await browser.send('Emulation.setTouchEmulationEnabled', { enabled: false });
  await page.setViewportSize(desk);
  await browser.detach();
}

/** The same without JavaScript. */
async function plainPictures(browser: Browser, url: string, what: string): Promise<void> {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(url);
  await pictures(page, `${what}-plain`);
  await context.close();
}

/** A card in each state in which nothing goes on: idle, done, failed. */
async function garden(cardume: Cardume) {
  const idle = await cardume.addCard('Order seeds for spring', 'quick', 'Peas, beans and *chard*.');
  await cardume.addCard('A bench under the lime tree', 'gated');
  const done = await cardume.addCard('Sharpen the tools', 'quick', 'The spade first:\n\n- file\n- oil\n\n```sh\nfile spade\n```');
  const failed = await cardume.addCard('Catch the mole', 'quick', 'Kindly. And fail in test.');
  for (const card of [done, failed]) await cardume.run(card);
  await settles(cardume, done, 'done');
  await settles(cardume, failed, 'test');
  return { idle, done, failed };
}

/** A card whose agent works on in this stage. */
async function working(cardume: Cardume, title: string, stage: 'plan' | 'implement'): Promise<Card> {
  const card = await cardume.addCard(title, 'gated');
  if (stage === 'implement') cardume.open('plan');
  await cardume.run(card);
  await expect.poll(async () => (await cardume.card(card.id)).columnId).toBe(stage);
  await expect.poll(async () => (await cardume.card(card.id)).activeExecution?.lastSequence).toBeGreaterThan(60);
  cardume.shut('plan');
  return card;
}

const long = {
  words: 'Rebuild the greenhouse with double glazing and a door that closes by itself, '.repeat(4).slice(0, 300),
  word: 'Glashausheizungsregelung'.repeat(13).slice(0, 300),
};

test('pictures of the board', async ({ browser, cardume, complaints, page, open }) => {
  complaints.tolerate(serverIsAway);

  await test.step('with next to nothing on it', async () => {
    const bare = await Cardume.start();
    await open(page, bare.url);
    await pictures(page, 'board-no-project');
    await bare.dispose();
    await open(page);
    await pictures(page, 'board-empty');
    const only = await cardume.addCard('Order seeds for spring', 'quick');
    await open(page);
    await pictures(page, 'board-one');
    await cardume.call('DELETE', `/api/cards/${only.id}`);
  });

  const { done, failed } = await garden(cardume);
  await working(cardume, 'Repair the greenhouse roof before the first frost', 'implement');
  await working(cardume, 'Draw the new beds', 'plan');

  await test.step('with a card in every state', async () => {
    await open(page);
    await expect(tile(page, failed)).toBeVisible();
    await pictures(page, 'board');
    await plainPictures(browser, page.url(), 'board');
    const other = await (await browser.newContext({ locale: 'pt-BR' })).newPage();
    complaints.listenTo(other.context());
    await open(other);
    await pictures(other, 'board-pt');
    await other.context().close();
  });

  await test.step('with what opens on it', async () => {
    const dialog = page.getByRole('dialog');
    const pictured = async (what: string) => {
      await expect(dialog).toBeVisible();
      await pictures(page, what);
      await page.keyboard.press('Escape');
      await expect(dialog).toBeHidden();
    };
    await page.keyboard.press('Control+k');
    await expect(dialog.getByRole('option').first()).toBeVisible();
    await pictured('palette');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'A command, a card' }).fill('mole');
    await expect(dialog.getByRole('option').filter({ hasText: 'log' }).first()).toBeVisible();
    await pictured('palette-found');
    await page.keyboard.press('?');
    await pictured('shortcuts');
    await page.getByRole('button', { name: 'Projects' }).click();
    await pictured('projects');
    await page.getByRole('button', { name: 'New card' }).click();
    // The server looks for its agents' versions before it names them.
    await expect(dialog.getByRole('option', { name: 'gated' })).toBeAttached();
    await pictured('new-card');
    await page.getByRole('button', { name: 'New card' }).click();
    await page.getByLabel('Title').fill('Plant garlic');
    await page.getByLabel('Description').fill('# Wanted\n\nTwo rows, *hardneck*.');
    await page.getByRole('button', { name: 'Preview' }).click();
    await expect(page.getByRole('region', { name: 'Preview' })).toBeVisible();
    await pictured('new-card-preview');
    await page.getByLabel('Settings', { exact: true }).click();
    await expect(page.getByRole('button', { name: 'Português (Brasil)' })).toBeVisible();
    await pictures(page, 'settings');
    await page.keyboard.press('Escape');
    await tile(page, done).getByRole('button', { name: 'Archive' }).click();
    await expect(page.getByRole('button', { name: 'Undo' })).toBeVisible();
    await pictures(page, 'board-archived');
    await page.getByRole('button', { name: 'Archived cards' }).click();
    await expect(dialog.getByRole('listitem')).toHaveCount(1);
    await pictured('archive');
  });

  await test.step('with two hundred cards, and titles without end', async () => {
    const columns = ['backlog', 'plan', 'implement', 'test', 'review', 'done'];
    const add = async (number: number) => {
      const card = await cardume.addCard(`Bed ${number}: ${['dig', 'rake', 'sow', 'water', 'weed and mulch'][number % 5]}`, 'quick');
      const columnId = columns[number % 9] ?? 'backlog';
      if (columnId !== 'backlog') await cardume.call('PATCH', `/api/cards/${card.id}/move`, { columnId, position: 0 });
    };
    const count = 198 - (await cardume.cards()).length;
    for (let number = 0; number < count; number += 10) {
      await Promise.all(Array.from({ length: Math.min(10, count - number) }, (_, index) => add(number + index)));
    }
    for (const title of [long.words, long.word]) {
      const card = await cardume.addCard(title, 'quick');
      await cardume.call('PATCH', `/api/cards/${card.id}/move`, { columnId: 'backlog', position: 0 });
    }
    await open(page);
    await expect(page.getByTestId('card')).toHaveCount(200);
    await pictures(page, 'board-200');
    await plainPictures(browser, page.url(), 'board-200');
    await page.getByRole('searchbox', { name: 'Search cards' }).fill('mulch');
    await expect(page.getByText(/ of 200 cards/)).toBeVisible();
    await pictures(page, 'board-filtered');
  });

  await test.step('when the server is away', async () => {
    await cardume.end('SIGKILL');
    await expect(page.getByTestId('connection')).toContainText('Reconnecting');
    await pictures(page, 'board-reconnecting');
  });
});

test('pictures of the other pages', async ({ browser, cardume, complaints, page, open }) => {
  complaints.tolerate(serverIsAway);
  complaints.tolerate(/status of 404 .*\/no-such-page/);
  await open(page, '/usage');
  await pictures(page, 'usage-empty');
  await page.goto('/no-such-page');
  await listening(page);
  await pictures(page, 'not-found');

  const wordy = await cardume.addCard('Print a great deal', 'wordy');
  await cardume.run(wordy);
  const { idle, done, failed } = await garden(cardume);
  await expect.poll(async () => (await cardume.card(wordy.id)).activeExecution?.status, { timeout: 60_000 }).toBe('error');
  const running = await working(cardume, 'Repair the greenhouse roof before the first frost', 'implement');
  const [words, word] = [await cardume.addCard(long.words, 'quick', long.words), await cardume.addCard(long.word, 'quick', long.word)];
  const other = await (await browser.newContext({ locale: 'pt-BR' })).newPage();
  complaints.listenTo(other.context());

  await test.step('a card', async () => {
    for (const [what, card] of Object.entries({ running, idle, failed, done, 'long-log': wordy, 'long-words': words, 'long-word': word })) {
      await open(page, `/cards/${card.id}`);
      if (![idle, words, word].includes(card)) await linesReach(page, 5);
      await pictures(page, `card-${what}`);
      if ([running, failed, done, wordy].includes(card)) await plainPictures(browser, page.url(), `card-${what}`);
    }
    await page.keyboard.press('e');
    await expect(page.getByRole('option', { name: 'gated' })).toBeAttached();
    await pictures(page, 'card-edited');
    for (const [what, card] of Object.entries({ running, failed })) {
      await open(other, `/cards/${card.id}`);
      await pictures(other, `card-${what}-pt`);
    }
  });

  await test.step('what was used', async () => {
    await open(page, '/usage');
    await pictures(page, 'usage');
    await plainPictures(browser, page.url(), 'usage');
    await open(other, '/usage');
    await pictures(other, 'usage-pt');
  });

  await test.step('a card, when the server is away', async () => {
    await open(page, `/cards/${running.id}`);
    await linesReach(page, 60);
    await cardume.end('SIGKILL');
    await expect(page.getByTestId('connection')).toContainText('Reconnecting');
    await pictures(page, 'card-reconnecting');
  });
  await other.context().close();
});

/** Leaves out what is there only without a script, and whether something can be pressed: there may be nothing yet to find. */
function withoutScripts(page: Page): Promise<void> {
  return page.evaluate(() => {
    const style = new CSSStyleSheet();
    style.replaceSync('.filters__apply, .column__collapse { display: none } .button { opacity: 1 !important }');
    document.adoptedStyleSheets.push(style);
  });
}

/** Takes the same picture of two pages, which must be the same to the last pixel. */
async function expectSame(one: Page, other: Page, what: string): Promise<void> {
  const picture = (page: Page) => page.screenshot({ animations: 'disabled' });
  const [first, second] = [await picture(one), await picture(other)];
  const same = Buffer.compare(first, second) === 0;
  if (!same) {
    await test.info().attach(`${what}, one`, { body: first, contentType: 'image/png' });
    await test.info().attach(`${what}, other`, { body: second, contentType: 'image/png' });
  }
  expect.soft(same, `${what}: the two pictures are the same`).toBe(true);
}

test('when a page begins to listen, nothing of it moves', async ({ browser, cardume, page, open }) => {
  const { done, failed } = await garden(cardume);
  await cardume.addCard(long.words, 'quick');
  const plain = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  for (const [what, path] of Object.entries({
    board: '/', done: `/cards/${done.id}`, failed: `/cards/${failed.id}`, usage: '/usage',
  })) {
    await open(page, path);
    await plain.goto(page.url());
    for (const each of [page, plain]) await withoutScripts(each);
    for (const size of [desk, phone]) {
      for (const colorScheme of ['dark', 'light'] as const) {
        for (const each of [page, plain]) {
          await each.setViewportSize(size);
          await each.emulateMedia({ colorScheme });
        }
        await expectSame(plain, page, `${what} at ${size.width}, ${colorScheme}`);
      }
    }
  }
  await plain.context().close();
});

test('a theme that is chosen looks like that of the system', async ({ browser, cardume, page, open }) => {
  const { done } = await garden(cardume);
  for (const [system, chosen, name] of [['light', 'dark', 'Dark'], ['dark', 'light', 'Light']] as const) {
    await page.emulateMedia({ colorScheme: chosen });
    const switched = await (await browser.newContext({ colorScheme: system })).newPage();
    await open(switched);
    await switched.getByLabel('Settings', { exact: true }).click();
    await Promise.all([switched.waitForNavigation(), switched.getByRole('button', { name, exact: true }).click()]);
    await switched.mouse.move(0, 0);
    for (const [what, path] of Object.entries({ board: '/', card: `/cards/${done.id}`, usage: '/usage' })) {
      for (const each of [page, switched]) await open(each, path);
      await expectSame(page, switched, `${what}, ${chosen}`);
    }
    await switched.context().close();
  }
});
