// A board with more cards than a screen shows: the first are there at once, the others soon after.

import { column, expect, test } from '../fixtures/board.ts';

const COUNT = 45;

test('all cards of a long column are drawn, and the last one can be used', async ({ cardume, page, open }) => {
  for (let number = 1; number <= COUNT; number++) await cardume.addCard(`Card ${number}`, 'quick');
  await open(page);
  const backlog = column(page, 'backlog');
  await expect(backlog.getByTestId('card')).toHaveCount(COUNT);
  await expect(backlog.getByRole('link', { name: /more card/ })).toBeHidden();
  await expect(backlog.locator('.column__count')).toHaveAccessibleName(`${COUNT} cards`);
  const titles = await backlog.getByRole('heading', { level: 3 }).allTextContents();
  expect(new Set(titles).size).toBe(COUNT);
  const last = backlog.getByTestId('card').last();
  await last.scrollIntoViewIfNeeded();
  await last.getByRole('button', { name: 'Run' }).click();
  await expect(column(page, 'done').getByTestId('card')).toHaveCount(1);
  await expect(backlog.getByTestId('card')).toHaveCount(COUNT - 1);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a link leads to all cards', async ({ cardume, complaints, page }) => {
    complaints.tolerate(/was preloaded using link preload but not used/);
    for (let number = 1; number <= COUNT; number++) await cardume.addCard(`Card ${number}`, 'quick');
    await page.goto('/');
    const backlog = column(page, 'backlog');
    await expect(backlog.getByTestId('card')).toHaveCount(10);
    await backlog.getByRole('link', { name: `${COUNT - 10} more cards` }).click();
    await expect(backlog.getByTestId('card')).toHaveCount(COUNT);
  });
});
