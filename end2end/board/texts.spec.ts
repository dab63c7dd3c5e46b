// What a card is about and what its plan says: Markdown, read beside the log, and harmless.

import { expect, settles, test } from '../fixtures/board.ts';

const HOSTILE = [
  'Peas, **beans**, `chard`.',
  '',
  '- first',
  '- second',
  '',
  '<img src="https://evil.example/pixel.png" onerror="document.title=\'owned\'">',
  '[press me](javascript:document.title="owned")',
].join('\n');

test('description and plan are Markdown, and come when the plan is made', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick', HOSTILE);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await open(page, `/cards/${card.id}`);
  const description = page.getByRole('region', { name: 'Description' });
  await expect(description.locator('strong')).toHaveText('beans');
  await expect(description.getByRole('listitem')).toHaveText(['first', 'second']);
  // What was HTML is text, and what would run leads nowhere.
  await expect(description).toContainText('<img src=');
  await description.getByText('press me').click();
  await expect(page).toHaveTitle(/^Order seeds/);
  expect(asked.filter((url) => url.includes('evil.example'))).toEqual([]);
  await expect(page.getByRole('region', { name: 'Spec' })).toHaveCount(0);

  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('region', { name: 'Spec' }).getByRole('heading').first()).toBeVisible();
  await settles(cardume, card, 'done');
});

test('what is being written can be seen as it will look, and is written on', async ({ page, open }) => {
  await open(page);
  await page.getByRole('button', { name: 'New card' }).click();
  const field = page.getByLabel('Description');
  await field.fill(HOSTILE);
  await page.getByRole('button', { name: 'Preview' }).click();
  const preview = page.getByRole('region', { name: 'Preview' });
  await expect(preview.locator('strong')).toHaveText('beans');
  await expect(preview).toContainText('<img src=');
  await expect(field).toBeHidden();
  await page.getByRole('button', { name: 'Write on' }).click();
  await expect(preview).toBeHidden();
  await expect(field).toBeFocused();
  await expect(field).toHaveValue(HOSTILE);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('both are there, too', async ({ cardume, page }) => {
    const card = await cardume.addCard('Order seeds', 'quick', HOSTILE);
    await cardume.run(card);
    await settles(cardume, card, 'done');
    await page.goto(`/cards/${card.id}`);
    await expect(page.getByRole('region', { name: 'Description' }).locator('strong')).toHaveText('beans');
    await expect(page.getByRole('region', { name: 'Spec' }).getByRole('heading').first()).toBeVisible();
  });
});
