// Putting cards away and back, making another one like it, and columns as strips.

import { column, expect, settles, test, tile, tileIn } from '../fixtures/board.ts';

test('a completed card is archived, and comes back with Undo', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await cardume.run(card);
  await settles(cardume, card, 'done');
  await open(page);
  await tile(page, card).getByRole('button', { name: 'Archive' }).click();
  await expect(page.getByText('“Order seeds” is in the archive.')).toBeVisible();
  await expect(tile(page, card)).toBeHidden();
  expect(await cardume.cards()).toEqual([]);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(tileIn(page, 'done', card)).toBeVisible();
  await expect(page.getByText('“Order seeds” is in the archive.')).toBeHidden();
  expect(await cardume.cards()).toHaveLength(1);
});

test('the archive lists what was put away, with its history, and gives it back', async ({ cardume, complaints, page, open }) => {
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 409/);
  const cards = [];
  for (const title of ['Order seeds', 'Dig the beds']) {
    const card = await cardume.addCard(title, 'quick');
    await cardume.run(card);
    cards.push(await settles(cardume, card, 'done'));
  }
  const [first] = cards;
  if (!first) throw new Error('there is no card');
  await open(page);
  await page.getByRole('button', { name: 'Archived cards' }).click();
  const archive = page.getByRole('dialog', { name: 'Archived cards' });
  await expect(archive).toContainText('Nothing is archived.');
  await archive.getByRole('button', { name: 'Archive all that is completed' }).click();
  await expect(archive.getByRole('listitem')).toHaveCount(2);
  await page.reload();
  await expect(column(page, 'done').getByTestId('card')).toHaveCount(0);

  // It is whole, and says where it is; it does not run from there.
  await open(page, `/cards/${first.id}`);
  await expect(page.getByText('This card is archived')).toBeVisible();
  await expect(page.locator('.log__state')).toHaveText(/^complete, /);
  await page.getByText('Start again from…').click();
  await page.getByRole('button', { name: 'Plan', exact: true }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'archived' })).toContainText('Restore it first');
  await page.getByRole('button', { name: 'Restore' }).click();
  await expect(page.getByText('This card is archived')).toBeHidden();
  await page.getByRole('link', { name: 'Board', exact: true }).click();
  await expect(tileIn(page, 'done', first)).toBeVisible();
});

test('a card is duplicated with its text and its agent', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'gated', 'Peas, beans, *chard*.');
  await open(page, `/cards/${card.id}`);
  await page.getByRole('button', { name: 'Duplicate' }).click();
  await expect(page.getByRole('heading', { name: 'Order seeds (copy)', level: 1 })).toBeVisible();
  const copy = (await cardume.cards()).find(({ title }) => title === 'Order seeds (copy)');
  expect(copy).toMatchObject({ agent: 'gated', description: 'Peas, beans, *chard*.', columnId: 'backlog' });
});

test('a column becomes a strip, and stays one', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await open(page);
  await expect(tile(page, card)).toBeVisible();
  await column(page, 'backlog').getByRole('button', { name: 'Collapse column' }).click();
  await expect(tile(page, card)).toBeHidden();
  await page.reload();
  await expect(tile(page, card)).toBeHidden();
  await column(page, 'backlog').getByRole('button', { name: 'Collapse column' }).click();
  await expect(tile(page, card)).toBeVisible();
});
