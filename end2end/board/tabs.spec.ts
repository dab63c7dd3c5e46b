// Several tabs, and browsers, see the same; what they do at once is done once, and none is told what is not so.

import type { Page } from '@playwright/test';
import { expect, linesReach, settles, test, tile, tileIn } from '../fixtures/board.ts';

test('two tabs see each stage change without a reload', async ({ cardume, context, open }) => {
  const card = await cardume.addCard('Pick the pears', 'gated');
  const [one, two] = [await context.newPage(), await context.newPage()];
  await Promise.all([open(one), open(two)]);

  await tileIn(one, 'backlog', card).getByRole('button', { name: 'Run' }).click();
  const stages = [
    ['plan', 'planning'],
    ['implement', 'implementing'],
    ['test', 'testing'],
    ['review', 'reviewing'],
  ] as const;
  for (const [stage, working] of stages) {
    for (const page of [one, two]) await expect(tileIn(page, stage, card)).toHaveAttribute('data-stage', working);
    cardume.open(stage);
  }
  for (const page of [one, two]) await expect(tileIn(page, 'done', card)).toHaveAttribute('data-stage', 'completed');
});

test('two tabs show the same log', async ({ cardume, context, open }) => {
  const card = await cardume.addCard('Tie up the tomatoes', 'gated');
  await cardume.run(card);
  const [one, two] = [await context.newPage(), await context.newPage()];
  await open(one, `/cards/${card.id}`);
  await open(two, `/cards/${card.id}`);
  const [first, second] = await Promise.all([linesReach(one, 100), linesReach(two, 100)]);
  const common = Math.min(first.length, second.length);
  expect(first.slice(0, common)).toEqual(second.slice(0, common));
});

test('Run in two tabs at once makes one run', async ({ cardume, complaints, context, open }) => {
  // The second one is told 409, which Chromium notes by itself.
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 409/);
  const card = await cardume.addCard('Harvest the leeks', 'gated');
  const pages = [await context.newPage(), await context.newPage()];
  for (const page of pages) {
    await open(page);
    await expect(tile(page, card).getByRole('button', { name: 'Run' })).toBeVisible();
  }
  // Both clicks leave before either page can hear of the other's.
  await Promise.all(
    pages.map((page) =>
      tile(page, card)
        .getByRole('button', { name: 'Run' })
        .evaluate((button: HTMLButtonElement) => {
          button.click();
          button.click();
        }),
    ),
  );
  for (const page of pages) await expect(tile(page, card)).toHaveAttribute('data-stage', 'planning');
  cardume.openAll();
  await settles(cardume, card, 'done');
  expect(await cardume.executions(card.id)).toHaveLength(4);
});

test('two browsers and a script edit, run and cancel one card at once', async ({
  browser, cardume, complaints, page, open,
}) => {
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 409/);
  const card = await cardume.addCard('Prune the plum', 'gated');
  const elsewhere = await browser.newContext({ baseURL: cardume.url });
  complaints.listenTo(elsewhere);
  const pages = [page, await elsewhere.newPage()];
  const form = (page: Page) => page.getByRole('form', { name: 'Edit card' });
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
  // If it is there at this moment, as somebody who saw it a moment ago would.
  const hit = (page: Page, name: string) =>
    page.evaluate((name) => {
      const buttons = [...document.querySelectorAll<HTMLButtonElement>('main button')];
      buttons.find((button) => button.textContent?.trim() === name)?.click();
    }, name);
  const outcome = (call: Promise<unknown>) => call.then(() => 'done', (refusal: Error) => refusal.message);
  for (const [index, page] of pages.entries()) {
    await open(page, `/cards/${card.id}`);
    await press(page, 'Edit');
    await form(page).getByLabel('Title').fill(`Browser ${index} was here`);
  }

  // Of three edits made from the same card one is kept. The others are told so, and keep what they have typed.
  const { version } = await cardume.card(card.id);
  await cardume.call('PATCH', `/api/cards/${card.id}`, { title: 'A script was here', version });
  await Promise.all(pages.map((page) => press(page, 'Save')));
  for (const [index, page] of pages.entries()) {
    await expect(form(page).getByRole('alert')).toContainText('Somebody else changed this card meanwhile');
    await expect(form(page).getByLabel('Title')).toHaveValue(`Browser ${index} was here`);
    await press(page, 'Discard changes');
    await expect(form(page)).toBeHidden();
    await expect(page.getByRole('heading', { level: 1, name: 'A script was here' })).toBeVisible();
  }
  expect(await cardume.card(card.id)).toMatchObject({ title: 'A script was here' });

  // All three run it: once.
  const run = outcome(cardume.run(card));
  await Promise.all(pages.map((page) => hit(page, 'Run')));
  expect(await run).toMatch(/^done$|: 409 /);
  for (const page of pages) await expect(page.getByRole('heading', { name: 'Log of Plan' })).toBeVisible();
  expect(await cardume.executions(card.id)).toHaveLength(1);

  // All three cancel it: it is cancelled, and both browsers show that.
  const cancel = outcome(cardume.call('POST', `/api/cards/${card.id}/cancel`));
  await Promise.all(pages.map((page) => hit(page, 'Cancel')));
  expect(await cancel).toMatch(/^done$|: 409 /);
  await settles(cardume, card, 'backlog');
  for (const page of pages) {
    await expect(page.getByRole('button', { name: 'Retry', exact: true })).toBeVisible();
    await expect(page.getByRole('status').filter({ hasText: 'cancelled' })).toBeVisible();
  }
  expect((await cardume.executions(card.id)).map(({ status }) => status)).toEqual(['cancelled']);
  await elsewhere.close();
});

test('a click that was meant for Cancel, when the run has just ended, starts nothing', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Cut back the ivy', 'gated');
  await cardume.run(card);
  await open(page, `/cards/${card.id}`);
  await expect(page.getByRole('button', { name: 'Cancel', exact: true })).toBeVisible();
  await page.evaluate(() => {
    const watch = new MutationObserver(() => {
      const retry = [...document.querySelectorAll('button')].find((button) => button.textContent?.trim() === 'Retry');
      if (!retry) return;
      watch.disconnect();
      retry.click();
      document.title = 'clicked';
    });
    watch.observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await cardume.call('POST', `/api/cards/${card.id}/cancel`);
  await expect.poll(() => page.evaluate(() => document.title)).toMatch('clicked');
  const retry = page.getByRole('button', { name: 'Retry', exact: true });
  await expect(retry).toBeEnabled();
  expect(await cardume.executions(card.id)).toHaveLength(1);
  await retry.click();
  await expect(page.getByRole('button', { name: 'Cancel', exact: true })).toBeVisible();
  expect(await cardume.executions(card.id)).toHaveLength(2);
});
