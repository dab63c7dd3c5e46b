// Pictures of the board as it is now, for people: end2end/artifacts/. They are looked at, not compared.

import { join } from 'node:path';
import { expect, linesReach, settles, test } from '../fixtures/board.ts';

const folder = join(import.meta.dirname, '../artifacts');
const sizes = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

for (const colorScheme of ['light', 'dark'] as const) {
  test(`pictures, ${colorScheme}`, async ({ cardume, page, open }) => {
    test.slow();
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await cardume.addCard('Order seeds for spring', 'quick', 'Peas, beans and *chard*.');
    await cardume.addCard('A bench under the lime tree', 'quick');
    const done = await cardume.addCard('Sharpen the tools', 'quick');
    const failed = await cardume.addCard('Catch the mole', 'quick', 'Kindly. And fail in test.');
    const implementing = await cardume.addCard('Repair the greenhouse roof before the first frost', 'gated');
    for (const card of [done, failed, implementing]) await cardume.run(card);
    cardume.open('plan');
    await expect.poll(async () => (await cardume.card(implementing.id)).columnId).toBe('implement');
    cardume.shut('plan');
    const planning = await cardume.addCard('Draw the new beds', 'gated');
    await cardume.run(planning);
    await settles(cardume, done, 'done');
    await settles(cardume, failed, 'test');

    for (const [name, size] of Object.entries(sizes)) {
      const picture = (what: string) => page.screenshot({ path: join(folder, `${what}-${name}-${colorScheme}.png`) });
      await page.setViewportSize(size);
      await open(page);
      await picture('board');
      await page.getByRole('button', { name: 'New card' }).click();
      await page.getByLabel('Title').fill('Plant garlic');
      await picture('dialog');
      await open(page, `/cards/${planning.id}`);
      await linesReach(page, 60);
      await picture('running');
      await open(page, `/cards/${failed.id}`);
      await picture('failed');
      await open(page, `/cards/${done.id}`);
      await picture('done');
      await open(page, '/usage');
      await picture('usage');
    }
  });
}
