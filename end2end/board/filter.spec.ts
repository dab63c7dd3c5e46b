// Finding cards on the board: by words, agent and stage, in the page's address.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { type Cardume, column, expect, settles, test, tile } from '../fixtures/board.ts';

/** Five cards: two idle ones, one that failed, one that is done, one that runs. */
async function garden(cardume: Cardume) {
  const seeds = await cardume.addCard('Order seeds', 'quick', 'Peas, beans, maçãs.');
  const bench = await cardume.addCard('A bench under the lime tree', 'gated');
  const done = await cardume.addCard('Sharpen the tools', 'quick');
  const failed = await cardume.addCard('Catch the mole', 'quick', 'fail in test');
  const running = await cardume.addCard('Dig the beds', 'gated');
  for (const card of [done, failed, running]) await cardume.run(card);
  await settles(cardume, done, 'done');
  await settles(cardume, failed, 'test');
  return { seeds, bench, done, failed, running };
}

const cards = (page: Page) => page.getByTestId('card').getByRole('heading');
const search = (page: Page) => page.getByRole('searchbox', { name: 'Search cards' });
const result = (page: Page) => page.getByRole('search').getByRole('status');

test('what is typed is found in titles, descriptions, projects, agents, stages and errors', async ({
  cardume, page, open,
}) => {
  const { running } = await garden(cardume);
  await open(page);
  await page.keyboard.press('/');
  await expect(search(page)).toBeFocused();
  const finds = async (words: string, titles: string[]) => {
    await search(page).fill(words);
    await expect(cards(page)).toHaveText(titles);
  };
  await finds('SEEDS', ['Order seeds']);
  await expect(result(page)).toHaveText('1 of 5 cards');
  await expect(page).toHaveURL(`${cardume.url}/?q=SEEDS`);
  await finds('macas', ['Order seeds']);
  await finds('asked me to fail', ['Catch the mole']);
  await finds('gated planning', ['Dig the beds']);
  await finds('garden tree', ['A bench under the lime tree']);
  await finds('tractor', []);
  await expect(result(page)).toHaveText(/^None of 5 cards matches/);
  await search(page).press('Escape');
  await expect(cards(page)).toHaveCount(5);
  await expect(search(page)).toHaveValue('');
  await expect(page).toHaveURL(`${cardume.url}/`);

  // What changes on the board comes and goes with what is asked for.
  await finds('completed', ['Sharpen the tools']);
  cardume.openAll();
  await settles(cardume, running, 'done');
  await expect(cards(page)).toHaveText(['Sharpen the tools', 'Dig the beds']);
});

test('a filter is in the address: it can be shared, reloaded and cleared', async ({ cardume, context, page, open }) => {
  await garden(cardume);
  await open(page);
  await page.getByRole('combobox', { name: 'Stage' }).selectOption('Waiting');
  await expect(cards(page)).toHaveText(['Order seeds', 'A bench under the lime tree']);
  await page.getByRole('combobox', { name: 'Agent' }).selectOption('gated');
  await expect(cards(page)).toHaveText(['A bench under the lime tree']);
  await search(page).fill('lime & 100% TREE');
  await expect(result(page)).toHaveText(/^None of 5/);
  await search(page).fill('lime TREE');
  await expect(page).toHaveURL(`${cardume.url}/?q=lime+TREE&agent=gated&stage=waiting`);

  const elsewhere = await context.newPage();
  for (const other of [elsewhere, page]) {
    await open(other, page.url());
    await expect(cards(other)).toHaveText(['A bench under the lime tree']);
    await expect(search(other)).toHaveValue('lime TREE');
    await expect(other.getByRole('combobox', { name: 'Agent' })).toHaveValue('gated');
    await expect(other.getByRole('combobox', { name: 'Stage' })).toHaveValue('waiting');
    await expect(result(other)).toHaveText('1 of 5 cards');
  }
  await page.getByRole('link', { name: 'Clear' }).click();
  await expect(cards(page)).toHaveCount(5);
  await expect(search(page)).toHaveValue('');
  await expect(page.getByRole('combobox', { name: 'Stage' })).toHaveValue('');
  await page.goBack();
  await expect(cards(page)).toHaveText(['A bench under the lime tree']);
  await expect(search(page)).toHaveValue('lime TREE');
  await expect(page.getByRole('combobox', { name: 'Agent' })).toHaveValue('gated');
});

test('an address that somebody has made up does no harm', async ({ cardume, page, open }) => {
  await cardume.addCard('Order seeds', 'quick', '100% ripe %41');
  for (const [query, count] of [
    ['?q=100%25', 1], ['?q=%25ff', 0], ['?q=%ff', 0], ['?q=%2541', 1], ['?stage=nonsense&agent=%3Cb%3E', 0], ['?q&agent', 1],
  ] as const) {
    await open(page, `/${query}`);
    await expect(cards(page), query).toHaveCount(count);
  }
});

test('a card goes between those that are shown', async ({ cardume, page, open }) => {
  for (const title of ['Bean one', 'Pea one', 'Bean two', 'Pea two']) await cardume.addCard(title, 'gated');
  await open(page, '/?q=bean');
  await expect(cards(page)).toHaveText(['Bean one', 'Bean two']);
  await page.getByRole('link', { name: 'Bean one' }).focus();
  for (const key of ['Space', 'ArrowDown', 'Space']) await page.keyboard.press(key);
  await expect(cards(page)).toHaveText(['Bean two', 'Bean one']);
  await open(page);
  await expect(cards(page)).toHaveText(['Pea one', 'Bean two', 'Bean one', 'Pea two']);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the form filters', async ({ cardume, complaints, page }) => {
    // Nobody runs the script that the page preloads.
    complaints.tolerate(/was preloaded using link preload but not used/);
    const { failed } = await garden(cardume);
    await page.goto('/');
    await search(page).fill('mole');
    await page.getByRole('combobox', { name: 'Stage' }).selectOption('Failed');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await expect(page).toHaveURL(/q=mole&agent=&stage=failed$/);
    await expect(cards(page)).toHaveText(['Catch the mole']);
    await expect(tile(page, failed)).toContainText('Test failed');
    await expect(search(page)).toHaveValue('mole');
    await page.getByRole('link', { name: 'Clear' }).click();
    await expect(cards(page)).toHaveCount(5);
  });
});

for (const [name, viewport] of Object.entries({ wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } })) {
  test(`axe finds no serious fault in a filtered board, ${name}`, async ({ cardume, page, open }) => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.setViewportSize(viewport);
    await garden(cardume);
    for (const query of ['?q=the&stage=failed', '?q=tractor']) {
      await open(page, `/${query}`);
      await expect(column(page, 'backlog')).toBeVisible();
      const { violations } = await new AxeBuilder({ page }).analyze();
      const faults = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      expect(faults.map(({ id, help }) => `${id}: ${help}`)).toEqual([]);
      const surplus = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(await surplus()).toBeLessThanOrEqual(0);
    }
  });
}
