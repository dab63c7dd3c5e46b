// The command palette and the list of shortcuts, on every page.

import { expect, settles, test, tile } from '../fixtures/board.ts';

test('a card is found by its name and opened without a mouse', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await cardume.addCard('Dig the beds', 'quick');
  await open(page);
  await page.keyboard.press('Control+k');
  const ask = page.getByRole('combobox', { name: 'A command, a card' });
  await expect(ask).toBeFocused();
  await page.keyboard.type('SEEDS');
  const found = page.getByRole('option', { name: 'Order seeds' });
  await expect(found).toHaveAttribute('aria-selected', 'true');
  await expect(page.getByRole('option', { name: 'Dig the beds' })).toHaveCount(0);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(`/cards/${card.id}`);
  await expect(page.getByRole('heading', { name: 'Order seeds', level: 1 })).toBeVisible();

  // From there a new card is one command away.
  await page.keyboard.press('Control+k');
  await expect(ask).toBeFocused();
  await page.keyboard.type('new card');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'New card' }).getByLabel('Title')).toBeFocused();
  await expect(page).toHaveURL('/');
});

test('what an agent said in any run is found, and leads to its line', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await cardume.run(card);
  await settles(cardume, card, 'done');
  const plan = (await cardume.executions(card.id)).find(({ command }) => command === '/plan');
  if (!plan) throw new Error('it was never planned');
  const row = (await cardume.executionLog(plan.id)).logs.find(({ type }) => type === 'text');
  if (!row) throw new Error('the agent said nothing');
  const word = /[a-z]{4,}/i.exec(row.content)?.[0] ?? '';

  await open(page);
  await page.getByRole('button', { name: 'Search and commands' }).click();
  await page.getByRole('combobox', { name: 'A command, a card' }).fill(word);
  const hit = page.getByRole('option').filter({ hasText: 'log' }).first();
  await expect(hit).toContainText(word);
  await hit.click();
  await expect(page).toHaveURL(new RegExp(`/cards/${card.id}\\?execution=.+&line=\\d+$`));
  await expect(page.locator('[data-testid=log-line][data-current]')).toContainText(word);

  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'A command, a card' }).fill('zzzznothing');
  await expect(page.getByText('Nothing has these words.')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('combobox', { name: 'A command, a card' })).toBeHidden();
});

test('a question mark lists the shortcuts', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await open(page);
  await page.keyboard.press('?');
  const list = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(list).toContainText('New card');
  await page.keyboard.press('Escape');
  await expect(list).toBeHidden();
  await page.keyboard.press('n');
  await page.getByLabel('Title').fill('What?');
  await page.getByLabel('Title').press('?');
  await expect(list).toBeHidden();
  await page.keyboard.press('Escape');
  await tile(page, card).getByRole('link').click();
  await page.keyboard.press('?');
  await expect(list).toBeVisible();
});
