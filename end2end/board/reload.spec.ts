// A reload loses nothing.

import {
  areWhole, attempt, expect, expectWholeLog, linesReach, listening, logLines, settles, test, tileIn,
} from '../fixtures/board.ts';

test('a reload during the plan keeps the log, and it goes on', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Prune the apple tree', 'gated');
  await open(page);
  await tileIn(page, 'backlog', card).getByRole('button', { name: 'Run' }).click();
  await expect(tileIn(page, 'plan', card)).toHaveAttribute('data-stage', 'planning');
  await page.getByRole('link', { name: 'Prune the apple tree' }).click();

  const before = await linesReach(page, 80);
  expect(areWhole(before)).toBe(true);

  await page.reload();
  // All of it is in the page that the server sends, before any script runs.
  expect(await logLines(page).count()).toBeGreaterThanOrEqual(before.length);
  await listening(page);
  const after = await linesReach(page, before.length + 40);
  expect(areWhole(after)).toBe(true);

  // And again in the middle of all that, on the board.
  await open(page);
  await expect(tileIn(page, 'plan', card)).toHaveAttribute('data-stage', 'planning');
  await open(page, `/cards/${card.id}`);

  cardume.open('plan');
  await expect(page.getByRole('heading', { name: 'Log of Implement' })).toBeVisible();
  cardume.openAll();
  await settles(cardume, card, 'done');
  const plan = (await cardume.executions(card.id)).find((execution) => execution.command === '/plan');
  await attempt(page, 'Plan', 1, 'done').click();
  await expectWholeLog(page, cardume, plan?.id ?? '');
});

test('a failure during implement is still told after a reload, with its stage', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Build a shed', 'quick', 'Please fail in implement.');
  await open(page);
  await tileIn(page, 'backlog', card).getByRole('button', { name: 'Run' }).click();
  await settles(cardume, card, 'implement');
  const why = 'The card asked me to fail in implement';

  for (const look of ['as it happened', 'after a reload']) {
    await test.step(`on the board, ${look}`, async () => {
      const failed = tileIn(page, 'implement', card);
      await expect(failed).toHaveAttribute('data-stage', 'error');
      await expect(failed).toContainText(why);
      await expect(failed).toContainText('Implement failed');
      await expect(failed.getByRole('button', { name: 'Retry' })).toBeVisible();
    });
    await page.reload();
    await listening(page);
  }

  await open(page, `/cards/${card.id}`);
  for (const look of ['at first', 'after a reload']) {
    await test.step(`on its page, ${look}`, async () => {
      await expect(page.getByRole('status').filter({ hasText: 'Implement failed' })).toBeVisible();
      await expect(page.getByRole('main')).toContainText(why);
      await expect(page.getByRole('heading', { name: 'Log of Implement' })).toBeVisible();
      await expect(attempt(page, 'Plan', 1, 'done')).toBeVisible();
      await expect(attempt(page, 'Implement', 1, 'failed')).toBeVisible();
      await expect(logLines(page).and(page.locator('[data-type=error]')).last()).toContainText(why);
    });
    await page.reload();
    await listening(page);
  }
});

test('a failed plan goes back to the backlog', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Dig a pond', 'quick', 'fail in plan');
  await cardume.run(card);
  await settles(cardume, card, 'backlog');
  await open(page);
  await expect(tileIn(page, 'backlog', card)).toHaveAttribute('data-stage', 'error');
  await expect(tileIn(page, 'backlog', card)).toContainText('Plan failed');
});
