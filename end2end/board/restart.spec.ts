// The server is killed in the middle of a run, with no chance to tidy up. The agent goes on by itself, and so does the run.

import {
  areWhole, expect, expectWholeLog, linesReach, listening, serverIsAway, settles, test, tileIn,
} from '../fixtures/board.ts';

test('after kill -9 and a start, a reload shows the run as it stands, and it finishes', async ({
  cardume, complaints, page, open,
}) => {
  complaints.tolerate(serverIsAway);
  const card = await cardume.addCard('Mend the fence', 'gated');
  cardume.open('plan');
  await cardume.run(card);
  await open(page, `/cards/${card.id}`);
  await expect(page.getByRole('heading', { name: 'Log of Implement' })).toBeVisible();
  const before = await linesReach(page, 70);
  const execution = (await cardume.card(card.id)).activeExecution?.id;

  await cardume.end('SIGKILL');
  // The agent says more while nobody listens; nobody can see how much, so there is nothing to wait for.
  await cardume.start();
  await page.reload();
  await listening(page);

  // The same agent goes on: the same execution, its lines in one row with those from before.
  expect((await cardume.card(card.id)).activeExecution).toMatchObject({ id: execution, status: 'running' });
  await expect(page.getByRole('heading', { name: 'Log of Implement' })).toBeVisible();
  const after = await linesReach(page, before.length + 40);
  expect(areWhole(after)).toBe(true);

  await open(page);
  await expect(tileIn(page, 'implement', card)).toHaveAttribute('data-stage', 'implementing');

  cardume.openAll();
  await settles(cardume, card, 'done');
  const executions = await cardume.executions(card.id);
  expect(executions.map(({ command, attempt, status }) => [command, attempt, status])).toEqual([
    ['/review', 1, 'success'],
    ['/test', 1, 'success'],
    ['/implement', 1, 'success'],
    ['/plan', 1, 'success'],
  ]);
  await open(page, `/cards/${card.id}?execution=${execution}`);
  await expectWholeLog(page, cardume, execution ?? '');
  // What the agent printed is there line for line, as often as it printed it.
  const { logs } = await cardume.executionLog(execution ?? '');
  const said = logs.filter((line) => line.type === 'text').map((line) => line.content);
  expect(said.slice(0, -1)).toEqual(said.slice(0, -1).map((_, index) => `implement line ${index + 1}`));
});

test('without a reload the page says that it reconnects, and recovers by itself', async ({
  cardume, complaints, page, open,
}) => {
  complaints.tolerate(serverIsAway);
  const card = await cardume.addCard('Paint the gate', 'gated');
  await cardume.run(card);
  await open(page, `/cards/${card.id}`);
  const before = await linesReach(page, 70);

  await cardume.end('SIGKILL');
  await expect(page.getByTestId('connection')).toContainText('Reconnecting');
  // What is known stays on the page.
  expect((await linesReach(page, before.length)).slice(0, before.length)).toEqual(before);

  await cardume.start();
  await expect(page.getByTestId('connection')).toHaveText('');
  const after = await linesReach(page, before.length + 40);
  expect(areWhole(after)).toBe(true);

  cardume.openAll();
  await settles(cardume, card, 'done');
  await expect(page.getByRole('status').filter({ hasText: 'Completed' })).toBeVisible();
});

test('what ended while the server was away is taken in, and the next stage starts', async ({
  cardume, complaints, page, open,
}) => {
  complaints.tolerate(serverIsAway);
  const card = await cardume.addCard('Sow the beans', 'gated');
  await cardume.run(card);
  await open(page);
  await expect(tileIn(page, 'plan', card)).toHaveAttribute('data-stage', 'planning');
  await expect.poll(async () => (await cardume.card(card.id)).activeExecution?.lastSequence).toBeGreaterThan(60);

  await cardume.end('SIGKILL');
  cardume.openAll();
  await cardume.start();
  // Still without a reload.
  await expect(tileIn(page, 'done', card)).toHaveAttribute('data-stage', 'completed', { timeout: 40_000 });
  expect(await cardume.executions(card.id)).toHaveLength(4);
});

test('a run whose supervisor was killed is lost, says so, and is resumed from its page', async ({
  cardume, page, open,
}) => {
  const card = await cardume.addCard('Stack the firewood', 'gated');
  await cardume.run(card);
  await open(page, `/cards/${card.id}`);
  const before = await linesReach(page, 40);
  cardume.killSupervisor((await cardume.card(card.id)).activeExecution?.id ?? '');

  await expect(page.getByRole('status').filter({ hasText: 'Plan lost' })).toBeVisible();
  await expect(page.getByRole('main')).toContainText('left no exit status. Resume to go on.');
  const after = await linesReach(page, before.length);
  expect(areWhole(after)).toBe(true);
  await open(page);
  await expect(tileIn(page, 'backlog', card)).toContainText('Plan lost');

  cardume.openAll();
  await tileIn(page, 'backlog', card).getByRole('button', { name: 'Resume' }).click();
  await settles(cardume, card, 'done');
  expect((await cardume.executions(card.id)).map(({ command, status }) => [command, status]).reverse()).toEqual([
    ['/plan', 'lost'],
    ['/plan', 'success'],
    ['/implement', 'success'],
    ['/test', 'success'],
    ['/review', 'success'],
  ]);
});
