// From an idea to a done card, with the board's own demo agent.

import { attempt, column, expect, expectWholeLog, settles, test, tile } from '../fixtures/board.ts';

test('a card is made, run and watched to its end', async ({ cardume, page, open }) => {
  await open(page);
  await page.getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByLabel('Title').fill('Water the roses');
  await dialog.getByLabel('Description').fill('Every *morning*, before eight.');
  await dialog.getByLabel('Project').selectOption({ label: 'Garden' });
  await dialog.getByLabel('Agent').selectOption('quick');
  await dialog.getByRole('button', { name: 'Create and run' }).click();
  await expect(dialog).toBeHidden();

  // The board follows it without a reload.
  const tile = page.getByTestId('card').filter({ hasText: 'Water the roses' });
  await expect(tile).toHaveAttribute('data-stage', 'planning');
  await expect(column(page, 'done').getByTestId('card')).toHaveCount(1, { timeout: 40_000 });
  await expect(tile).toHaveAttribute('data-stage', 'completed');

  const [card] = await cardume.cards();
  if (!card) throw new Error('the card is gone');
  expect(card).toMatchObject({ specPath: 'specs/water-the-roses.md', columnId: 'done' });
  expect(cardume.git('show', `${card.branch}:specs/water-the-roses.md`)).toContain('Every *morning*');
  expect(cardume.git('log', '--format=%s', `main..${card.branch}`).split('\n')).toHaveLength(2);
  expect(cardume.git('status', '--porcelain')).toBe('');

  // Its page tells the whole story: where the work is, and the log of every stage.
  await page.getByRole('link', { name: 'Water the roses' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Water the roses' })).toBeVisible();
  await expect(page.getByText('specs/water-the-roses.md').first()).toBeVisible();
  await expect(page.getByText(card.branch ?? '', { exact: true })).toBeVisible();
  const [review, test, implement, plan] = await cardume.executions(card.id);
  for (const [stage, execution] of Object.entries({ Plan: plan, Implement: implement, Test: test, Review: review })) {
    await attempt(page, stage, 1, 'done').click();
    await expect(page.getByRole('heading', { name: `Log of ${stage}` })).toBeVisible();
    await expectWholeLog(page, cardume, execution?.id ?? '');
  }
});

test('a card is seen to travel to its next column', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Turn the compost', 'gated');
  await page.addInitScript(() => {
    const seen: unknown[] = [];
    Object.assign(window, { seen });
    const start = document.startViewTransition.bind(document);
    document.startViewTransition = (update) => {
      const transition = start(update);
      void transition.ready.then(() => seen.push(...document.getAnimations().map(({ effect }) => (effect as KeyframeEffect).pseudoElement)));
      return transition;
    };
  });
  await open(page);
  await tile(page, card).getByRole('button', { name: 'Run' }).click();
  await expect(column(page, 'plan').getByText('Turn the compost')).toBeVisible();
  await expect.poll(() => page.evaluate(() => Reflect.get(window, 'seen'))).toContain(`::view-transition-group(card-${card.id})`);
  // Afterwards it is a card as any other.
  await expect(tile(page, card)).toHaveCSS('view-transition-name', 'none');
});

test('a run is cancelled, and goes on when it is retried', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Turn the compost', 'gated');
  cardume.open('plan');
  await open(page, `/cards/${card.id}`);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Log of Implement' })).toBeVisible();

  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Retry', exact: true })).toBeVisible();
  const cancelled = await settles(cardume, card, 'implement');
  expect(cancelled.activeExecution).toMatchObject({ status: 'cancelled', workflowStage: 'error' });

  cardume.openAll();
  await page.getByRole('button', { name: 'Retry', exact: true }).click();
  await settles(cardume, card, 'done');
  await expect(page.getByRole('status').filter({ hasText: 'Completed' })).toBeVisible();
  await expect(attempt(page, 'Implement', 2, 'done')).toBeVisible();
});

test('a card is deleted at once, comes back with Undo, and can be restored later, too', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Feed the snails', 'quick');
  await cardume.addCard('Mend the fence', 'quick');
  await open(page, `/cards/${card.id}`);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(page).toHaveURL('/');
  await expect(page.getByText('“Feed the snails” was deleted.')).toBeVisible();
  await expect(page.getByTestId('card')).toHaveText([/Mend the fence/]);
  expect(await cardume.cards()).toHaveLength(1);
  await page.getByRole('button', { name: 'Undo' }).click();
  // Where it stood.
  await expect(page.getByTestId('card')).toHaveText([/Feed the snails/, /Mend the fence/]);

  await tile(page, card).getByRole('link').click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(page.getByText('“Feed the snails” was deleted.')).toBeVisible();
  await page.getByRole('button', { name: 'Archived cards' }).click();
  const archive = page.getByRole('dialog', { name: 'Archived cards' });
  await expect(archive.getByRole('listitem')).toContainText('gone for good a day later');
  await archive.getByRole('link', { name: 'Feed the snails' }).click();
  await expect(page.getByText('This card was deleted.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Delete', exact: true })).toBeDisabled();
  await page.getByRole('button', { name: 'Restore' }).click();
  await expect(page.getByText('This card was deleted.')).toBeHidden();
  expect(await cardume.cards()).toHaveLength(2);
});

test('where the answer to Run is lost the page says so, and pressing again makes no second run', async ({
  cardume, complaints, page, open,
}) => {
  complaints.tolerate(/Failed to load resource/);
  const card = await cardume.addCard('Prick out the lettuce', 'gated');
  await open(page);
  await page.route('**/fn/poll_board', (route) => route.abort());
  await page.route('**/fn/run_card', async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  const run = tile(page, card).getByRole('button', { name: 'Run' });
  await run.click();
  const alert = page.getByRole('main').getByRole('alert').filter({ hasText: 'server' });
  await expect(alert).toContainText('it is unknown whether this was done');
  await expect(alert).not.toContainText('fetch');
  // The page has not heard of the run: the same press, with the same key, gets the first answer.
  await run.click();
  await expect(tile(page, card)).toHaveAttribute('data-stage', 'planning');
  await expect(alert).toBeHidden();
  await page.unroute('**/fn/poll_board');
  cardume.openAll();
  await settles(cardume, card, 'done');
  expect(await cardume.executions(card.id)).toHaveLength(4);
});
