// How many cards a column is meant to hold.

import { column, expect, test } from '../fixtures/board.ts';

test('a column that holds more than its limit says so, in every tab', async ({ cardume, context, page, open }) => {
  for (const title of ['Order seeds', 'Dig the beds']) await cardume.addCard(title, 'quick');
  await open(page);
  const other = await context.newPage();
  await open(other);
  const count = (of = page) => column(of, 'backlog').locator('.column__count');
  await expect(count()).toHaveAccessibleName('2 cards');
  await count().click();
  const limit = page.getByRole('spinbutton', { name: 'At most so many cards' });
  // The browser says what is wrong with what is no number of cards, and nothing is asked of the server.
  await limit.fill('0');
  await page.keyboard.press('Enter');
  await expect(limit).toBeVisible();
  await limit.fill('2');
  await page.keyboard.press('Enter');
  await expect(limit).toBeHidden();
  await expect(count()).toHaveAccessibleName('2 cards, the limit is 2');
  await cardume.addCard('Mend the fence', 'quick');
  for (const tab of [page, other]) {
    await expect(count(tab)).toHaveAccessibleName('3 cards, more than the limit of 2');
    await expect(count(tab)).toHaveText(/3 \/ 2/);
    await expect(count(tab)).toHaveAttribute('data-over', '');
  }
  await page.reload();
  await expect(count()).toHaveAccessibleName('3 cards, more than the limit of 2');
  // What is filtered away counts all the same.
  await open(page, '/?q=fence');
  await expect(count()).toHaveAccessibleName('1 card, more than the limit of 2');
  await count().click();
  await page.getByRole('button', { name: 'No limit' }).click();
  await expect(count()).toHaveAccessibleName('1 card');
  await page.keyboard.press('Tab');
});
