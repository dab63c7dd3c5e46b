// Moving cards: with a mouse, a finger and the keyboard, and what is said where one cannot be moved.

import type { Locator, Page } from '@playwright/test';
import { type Card, type Cardume, column, expect, test, tile, tileIn } from '../fixtures/board.ts';

/** The titles in a column, from the top, as the page shows them. */
const titlesIn = (page: Page, columnId: string) => column(page, columnId).getByTestId('card').getByRole('heading');

/** The same, as the server has them. */
async function standing(cardume: Cardume, columnId: string): Promise<string[]> {
  const cards = (await cardume.cards()).filter((card) => card.columnId === columnId);
  return cards.sort((a, b) => a.position - b.position).map((card) => card.title);
}

async function expectOrder(cardume: Cardume, page: Page, columnId: string, titles: string[]) {
  await expect(titlesIn(page, columnId)).toHaveText(titles);
  await expect.poll(() => standing(cardume, columnId)).toEqual(titles);
}

interface Point {
  x: number;
  y: number;
}

/** A place on something, in parts of its width and height. */
async function on(something: Locator, right: number, down: number): Promise<Point> {
  const box = await something.boundingBox();
  if (!box) throw new Error('it is not on the page');
  return { x: box.x + box.width * right, y: box.y + box.height * down };
}

/** Takes hold of a card with the mouse and goes to a point; does not let go. */
async function drag(page: Page, card: Card, to: Point) {
  const from = await on(tile(page, card), 0.4, 0.3);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + 8, from.y + 8, { steps: 2 });
  await page.mouse.move(to.x, to.y, { steps: 8 });
}

const dropPlace = (page: Page) => page.locator('[data-gap]');
const picture = (page: Page) => page.locator('[data-picture]');
const moves = (page: Page) => page.locator('main .moves');
const refusal = (page: Page) => page.getByRole('main').getByRole('alert');

async function threeCards(cardume: Cardume) {
  return [
    await cardume.addCard('Order seeds', 'gated'),
    await cardume.addCard('Sharpen the tools', 'gated'),
    await cardume.addCard('Draw the beds', 'gated'),
  ] as const;
}

test('a mouse drags a card within its column and to another one, and there it stays', async ({ cardume, page, open }) => {
  const [seeds, tools, beds] = await threeCards(cardume);
  await open(page);

  await drag(page, seeds, await on(tile(page, beds), 0.5, 0.9));
  await expect(picture(page)).toHaveText(/Order seeds/);
  await expect(tile(page, beds)).toHaveAttribute('data-gap', 'after');
  await page.mouse.up();
  await expect(picture(page)).toHaveCount(0);
  await expect(dropPlace(page)).toHaveCount(0);
  await expectOrder(cardume, page, 'backlog', ['Sharpen the tools', 'Draw the beds', 'Order seeds']);

  await drag(page, beds, await on(column(page, 'test'), 0.5, 0.5));
  await expect(column(page, 'test')).toHaveAttribute('data-gap', 'only');
  await page.mouse.up();
  await expect(tileIn(page, 'test', beds)).toBeVisible();

  await drag(page, tools, await on(tile(page, beds), 0.5, 0.2));
  await expect(tile(page, beds)).toHaveAttribute('data-gap', 'before');
  await page.mouse.up();

  // None of that has opened a card.
  await expect(page).toHaveURL(`${cardume.url}/`);
  for (const look of ['at once', 'after a reload']) {
    await test.step(look, async () => {
      await expectOrder(cardume, page, 'backlog', ['Order seeds']);
      await expectOrder(cardume, page, 'test', ['Sharpen the tools', 'Draw the beds']);
    });
    await open(page);
  }
});

test('a card that is let go nowhere, or with Escape, stays; a click opens it all the same', async ({
  cardume, page, open,
}) => {
  const [seeds, tools] = await threeCards(cardume);
  const { version } = await cardume.card(seeds.id);
  await open(page);
  await drag(page, seeds, { x: 300, y: 20 });
  await expect(picture(page)).toBeVisible();
  await expect(dropPlace(page)).toHaveCount(0);
  await page.mouse.up();
  await drag(page, seeds, await on(column(page, 'plan'), 0.5, 0.5));
  await expect(dropPlace(page)).toHaveCount(1);
  await page.keyboard.press('Escape');
  await expect(picture(page)).toHaveCount(0);
  await page.mouse.up();
  // Over its own place, too.
  await drag(page, seeds, await on(tile(page, tools), 0.5, 0.1));
  await page.mouse.up();
  await expect(titlesIn(page, 'backlog')).toHaveText(['Order seeds', 'Sharpen the tools', 'Draw the beds']);
  expect((await cardume.card(seeds.id)).version).toBe(version);
  await expect(page).toHaveURL(`${cardume.url}/`);
  await tile(page, seeds).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Order seeds' })).toBeVisible();
});

test('what happens elsewhere does not take a card out of the hand', async ({ cardume, page, open }) => {
  const [seeds, tools] = await threeCards(cardume);
  await open(page);
  await drag(page, seeds, await on(column(page, 'plan'), 0.5, 0.5));
  const asked = () => page.waitForResponse('**/fn/poll_board');
  await cardume.call('PATCH', `/api/cards/${tools.id}/move`, { columnId: 'done', position: 0 });
  await asked();
  await asked();
  await expect(picture(page)).toBeVisible();
  await expect(tileIn(page, 'backlog', tools)).toBeVisible();
  await page.mouse.up();
  await expect(tileIn(page, 'plan', seeds)).toBeVisible();
  await expect(tileIn(page, 'done', tools)).toBeVisible();
});

test.describe('on a phone', () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 844 } });

  test('a finger that rests drags a card, and one that does not scrolls', async ({ cardume, page, open }) => {
    for (let number = 1; number <= 9; number++) await cardume.addCard(`Bed ${number}`, 'gated');
    const [first, second, third] = await threeCards(cardume);
    await open(page);
    const touchscreen = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: Point[]) =>
      touchscreen.send('Input.dispatchTouchEvent', { type, touchPoints: points });
    const scrolled = () => page.evaluate(() => window.scrollY);
    /** In steps, as a finger goes. */
    const go = async (from: Point, to: Point) => {
      for (let step = 1; step <= 10; step++) {
        const part = (of: 'x' | 'y') => from[of] + ((to[of] - from[of]) * step) / 10;
        await touch('touchMove', [{ x: part('x'), y: part('y') }]);
      }
    };

    const [low, high] = [{ x: 150, y: 600 }, { x: 150, y: 300 }];
    await touch('touchStart', [low]);
    await go(low, high);
    await expect(picture(page)).toHaveCount(0);
    await touch('touchEnd', []);
    await expect.poll(scrolled).toBeGreaterThan(100);

    await tile(page, third).scrollIntoViewIfNeeded();
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    const before = await scrolled();
    const [from, to] = [await on(tile(page, third), 0.4, 0.3), await on(tile(page, first), 0.4, 0.2)];
    await touch('touchStart', [from]);
    await expect(picture(page)).toBeVisible();
    await go(from, to);
    await expect(tile(page, first)).toHaveAttribute('data-gap', 'before');
    expect(await scrolled()).toBe(before);
    await touch('touchEnd', []);
    await expect(picture(page)).toHaveCount(0);
    const beds = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => `Bed ${number}`);
    await expectOrder(cardume, page, 'backlog', [...beds, third.title, first.title, second.title]);
    await expect(page).toHaveURL(`${cardume.url}/`);
  });
});

test('a card is moved by keyboard alone, and each step is told', async ({ cardume, page, open }) => {
  const [seeds, , beds] = await threeCards(cardume);
  await open(page);
  const link = page.getByRole('link', { name: 'Order seeds' });
  await link.focus();
  await page.keyboard.press('Space');
  await expect(moves(page)).toHaveText(/^Order seeds: Backlog, position 1 of 3\. Arrow keys move it/);
  await page.keyboard.press('ArrowDown');
  await expect(moves(page)).toHaveText('Order seeds: Backlog, position 2 of 3');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(moves(page)).toHaveText('Order seeds: Backlog, position 3 of 3');
  await page.keyboard.press('ArrowRight');
  await expect(moves(page)).toHaveText('Order seeds: Plan, position 1 of 1');
  await expect(column(page, 'plan')).toHaveAttribute('data-gap', 'only');
  await page.keyboard.press('Escape');
  await expect(moves(page)).toHaveText('Order seeds stays where it was.');
  await expect(link).toBeFocused();

  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Space');
  await expect(moves(page)).toHaveText('Dropped. Order seeds: Plan, position 1 of 1.');
  await expectOrder(cardume, page, 'plan', ['Order seeds']);
  await expect(tileIn(page, 'plan', seeds).getByRole('link')).toBeFocused();

  // And by its button.
  const move = tile(page, beds).getByRole('button', { name: 'Move' });
  await expect(move).toHaveAccessibleDescription('Draw the beds');
  await move.focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await expectOrder(cardume, page, 'backlog', ['Draw the beds', 'Sharpen the tools']);
  await open(page);
  await expectOrder(cardume, page, 'backlog', ['Draw the beds', 'Sharpen the tools']);
});

test('a running card says why it stays in its column, before and after', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Dig the beds', 'gated');
  await cardume.run(card);
  await open(page);
  const why = /running.*cancel it first/i;
  await drag(page, card, await on(column(page, 'done'), 0.5, 0.5));
  await expect(moves(page)).toHaveText(why);
  await expect(moves(page)).toHaveAttribute('data-seen');
  await expect(dropPlace(page)).toHaveCount(0);
  await page.mouse.up();
  await expect(refusal(page)).toHaveText(why);
  await expect(tileIn(page, 'plan', card)).toBeVisible();
  expect((await cardume.card(card.id)).columnId).toBe('plan');

  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expect(refusal(page)).toBeHidden();
  await page.getByRole('link', { name: 'Dig the beds' }).focus();
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowLeft');
  await expect(moves(page)).toHaveText(why);
  await page.keyboard.press('Escape');
  await expect(tileIn(page, 'plan', card)).toBeVisible();
});

test('a move that the server refuses is taken back, and the page says why', async ({ cardume, complaints, page, open }) => {
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 409/);
  const [seeds] = await threeCards(cardume);
  await open(page);
  await drag(page, seeds, await on(column(page, 'review'), 0.5, 0.5));
  await test.step('somebody else changes it while it is in hand', async () => {
    await cardume.call('PATCH', `/api/cards/${seeds.id}`, { title: 'Order more seeds' });
  });
  // Held up for a moment, so that the new place can be seen before the answer is there.
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  await page.route('**/fn/move_card', async (route) => {
    await held;
    await route.continue();
  });
  await page.mouse.up();
  await expect(tileIn(page, 'review', seeds)).toBeVisible();
  answer();
  await expect(refusal(page)).toContainText('“Order seeds” was not moved. Somebody else changed this card meanwhile');
  await expect(tileIn(page, 'backlog', seeds)).toContainText('Order more seeds');
  expect((await cardume.card(seeds.id)).columnId).toBe('backlog');

  // It is known now what has changed; and the next try takes the notice away.
  await drag(page, seeds, await on(column(page, 'review'), 0.5, 0.5));
  await expect(refusal(page)).toBeHidden();
  await page.mouse.up();
  await expectOrder(cardume, page, 'review', ['Order more seeds']);
});
