// What a card is about and what its plan says: Markdown, read beside the log, and harmless.

import { expect, linesReach, settles, test } from '../fixtures/board.ts';

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

test('what an agent says in Markdown is read as that, and found and copied as it was said', async ({ cardume, context, page, open }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const card = await cardume.addCard('Order seeds', 'writing');
  await cardume.run(card);
  await settles(cardume, card, 'backlog');
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await open(page, `/cards/${card.id}`);
  const said = page.locator('[data-testid=log-line][data-type=text]');
  await expect(said.locator('strong')).toHaveText('Done:');
  await expect(said.getByRole('listitem')).toHaveText(['peas', '<img src="https://evil.example/pixel.png">']);
  expect(await said.locator('a:not(.line__number)').evaluateAll((links) => links.map((link) => link.getAttribute('href')))).toEqual([null]);
  expect(asked.filter((url) => url.includes('evil.example'))).toEqual([]);
  // In what was found the words are marked where they were printed.
  await page.getByRole('searchbox', { name: 'Search this log' }).fill('peas');
  await page.keyboard.press('Enter');
  await expect(said.locator('mark')).toHaveText('peas');
  await expect(said.locator('.line__text')).toContainText('- `peas`');
  await page.keyboard.press('Escape');
  await expect(said.locator('strong')).toHaveText('Done:');
  await said.locator('.line__number').click();
  await page.getByRole('group', { name: 'Chosen lines' }).getByRole('button', { name: 'Copy', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('**Done:**\n\n- `peas`\n');
});

test('the model is chosen where the agent can be told of it', async ({ cardume, complaints, page, open }) => {
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 422/);
  await open(page);
  await page.getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByLabel('Title').fill('Order seeds');
  await dialog.getByLabel('Agent').selectOption('quick');
  await expect(dialog.getByLabel('Model')).toBeHidden();
  await dialog.getByLabel('Agent').selectOption('writing');
  await dialog.getByLabel('Model').fill('--help');
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(dialog.getByRole('alert')).toContainText("A model's name");
  await dialog.getByLabel('Model').fill('large-2');
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole('link', { name: 'Order seeds' }).click();
  const about = page.getByRole('complementary', { name: 'About this card' });
  await expect(about.getByText('large-2')).toBeVisible();
  await page.getByRole('button', { name: 'Edit' }).click();
  const edit = page.getByRole('form', { name: 'Edit card' });
  await expect(edit.getByLabel('Model')).toHaveValue('large-2');
  await edit.getByLabel('Agent').selectOption('quick');
  await edit.getByRole('button', { name: 'Save' }).click();
  await expect(about.getByText('large-2')).toBeHidden();
  expect(await cardume.cards()).toMatchObject([{ agent: 'quick', model: null }]);
});

test('a card is changed where it stands, beside its log, by keyboard alone', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'gated', 'Peas.');
  await cardume.run(card);
  await open(page, `/cards/${card.id}`);
  await linesReach(page, 5);
  const form = page.getByRole('form', { name: 'Edit card' });
  const edit = page.getByRole('button', { name: 'Edit', exact: true });
  await page.keyboard.press('e');
  await expect(form.getByLabel('Title')).toBeFocused();
  await expect(form).toMatchAriaSnapshot(`
    - form "Edit card":
      - textbox "Title": Order seeds
      - textbox "Description": Peas.
      - button "Preview"
      - combobox "Agent"
      - button "Discard changes"
      - button "Save"
  `);
  // The log goes on, and what the form changes is not there twice.
  await linesReach(page, 30);
  await expect(page.getByRole('region', { name: 'Description' })).toBeHidden();
  await expect(edit).toBeDisabled();
  // Escape leaves a form in which nothing was changed, and no other.
  await page.keyboard.press('Escape');
  await expect(form).toBeHidden();
  await expect(edit).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(form.getByLabel('Title')).toBeFocused();
  await page.keyboard.press('End');
  await page.keyboard.type(' and bulbs');
  await page.keyboard.press('Escape');
  await expect(form.getByLabel('Title')).toHaveValue('Order seeds and bulbs');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Control+End');
  await page.keyboard.type(' **Tulips.**');
  await page.keyboard.press('Control+Enter');
  await expect(form).toBeHidden();
  await expect(edit).toBeFocused();
  await expect(page.getByRole('heading', { level: 1, name: 'Order seeds and bulbs' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Description' }).locator('strong')).toHaveText('Tulips.');
  expect(await cardume.card(card.id)).toMatchObject({ title: 'Order seeds and bulbs', description: 'Peas. **Tulips.**' });
});

test('what was typed in a card’s place and not saved is there after a reload, and overwrites nobody', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick', 'Peas.');
  await open(page, `/cards/${card.id}`);
  const form = page.getByRole('form', { name: 'Edit card' });
  await page.keyboard.press('e');
  await form.getByLabel('Description').fill('Peas and beans.');
  await form.getByLabel('Agent').selectOption('gated');
  await open(page, `/cards/${card.id}`);
  await page.keyboard.press('e');
  await expect(form.getByRole('status')).toContainText('You had typed this before');
  await expect(form.getByLabel('Title')).toHaveValue('Order seeds');
  await expect(form.getByLabel('Description')).toHaveValue('Peas and beans.');
  await expect(form.getByLabel('Agent')).toHaveValue('gated');
  // Meanwhile somebody else has written there: it is told, and what was typed stays.
  await cardume.call('PATCH', `/api/cards/${card.id}`, { description: 'Tulips.' });
  await open(page, `/cards/${card.id}`);
  await page.keyboard.press('e');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form.getByRole('alert')).toContainText('Somebody else changed this card meanwhile');
  await expect(form.getByLabel('Description')).toHaveValue('Peas and beans.');
  expect(await cardume.card(card.id)).toMatchObject({ description: 'Tulips.', agent: 'quick' });
  // Whoever knows that may write over it.
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form).toBeHidden();
  expect(await cardume.card(card.id)).toMatchObject({ description: 'Peas and beans.', agent: 'gated' });
  // What is discarded does not come back.
  await page.keyboard.press('e');
  await form.getByLabel('Description').fill('Nothing at all.');
  await form.getByRole('button', { name: 'Discard changes' }).click();
  await page.keyboard.press('e');
  await expect(form.getByLabel('Description')).toHaveValue('Peas and beans.');
  await expect(form.getByRole('status')).toBeHidden();
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
