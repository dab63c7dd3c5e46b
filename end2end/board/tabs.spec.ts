// Several tabs see the same, and cannot run a card twice.

import { expect, linesReach, settles, test, tile, tileIn } from '../fixtures/board.ts';

test('two tabs see each stage change without a reload', async ({ cardume, context, open }) => {
  const card = await cardume.addCard('Pick the pears', 'gated');
  const [one, two] = [await context.newPage(), await context.newPage()];
  await Promise.all([open(one), open(two)]);

  await tileIn(one, 'backlog', card).getByRole('button', { name: 'Run' }).click();
  const stages = [
    ['plan', 'planning'],
    ['implement', 'implementing'],
    ['test', 'testing'],
    ['review', 'reviewing'],
  ] as const;
  for (const [stage, working] of stages) {
    for (const page of [one, two]) await expect(tileIn(page, stage, card)).toHaveAttribute('data-stage', working);
    cardume.open(stage);
  }
  for (const page of [one, two]) await expect(tileIn(page, 'done', card)).toHaveAttribute('data-stage', 'completed');
});

test('two tabs show the same log', async ({ cardume, context, open }) => {
  const card = await cardume.addCard('Tie up the tomatoes', 'gated');
  await cardume.run(card);
  const [one, two] = [await context.newPage(), await context.newPage()];
  await open(one, `/cards/${card.id}`);
  await open(two, `/cards/${card.id}`);
  const [first, second] = await Promise.all([linesReach(one, 100), linesReach(two, 100)]);
  const common = Math.min(first.length, second.length);
  expect(first.slice(0, common)).toEqual(second.slice(0, common));
});

test('Run in two tabs at once makes one run', async ({ cardume, complaints, context, open }) => {
  // The second one is told 409, which Chromium notes by itself.
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 409/);
  const card = await cardume.addCard('Harvest the leeks', 'gated');
  const pages = [await context.newPage(), await context.newPage()];
  for (const page of pages) {
    await open(page);
    await expect(tile(page, card).getByRole('button', { name: 'Run' })).toBeVisible();
  }
  // Both clicks leave before either page can hear of the other's.
  await Promise.all(
    pages.map((page) =>
      tile(page, card)
        .getByRole('button', { name: 'Run' })
        .evaluate((button: HTMLButtonElement) => {
          button.click();
          button.click();
        }),
    ),
  );
  for (const page of pages) await expect(tile(page, card)).toHaveAttribute('data-stage', 'planning');
  cardume.openAll();
  await settles(cardume, card, 'done');
  expect(await cardume.executions(card.id)).toHaveLength(4);
});
