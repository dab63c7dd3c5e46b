// Reading a log while it grows.

import { expect, linesReach, logLines, test } from '../fixtures/board.ts';

test('whoever reads further up stays where he is, and whoever is at the end follows it', async ({
  cardume, page, open,
}) => {
  const card = await cardume.addCard('Count the bees', 'gated');
  await cardume.run(card);
  await open(page, `/cards/${card.id}`);
  await linesReach(page, 80);

  const log = page.getByTestId('log');
  const toTheEnd = () => log.evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);
  await test.step('at the end it follows', async () => {
    await expect.poll(toTheEnd).toBeLessThan(40);
    const count = await logLines(page).count();
    await linesReach(page, count + 20);
    await expect.poll(toTheEnd).toBeLessThan(40);
  });

  await test.step('further up it stands still', async () => {
    await log.hover();
    await page.mouse.wheel(0, -700);
    await expect.poll(toTheEnd).toBeGreaterThan(300);
    // The row in the middle of what can be seen, and where it is.
    const place = () =>
      log.evaluate((list) => {
        const frame = list.getBoundingClientRect();
        const row = document.elementsFromPoint(frame.left + frame.width / 2, frame.top + frame.height / 2);
        const line = row.map((element) => element.closest('[data-testid=log-line]')).find((found) => found);
        return [line?.getAttribute('data-sequence'), line?.getBoundingClientRect().top];
      });
    // A wheel may roll on for a moment.
    let before = await place();
    await expect
      .poll(async () => {
        const last = before;
        before = await place();
        return last[1] === before[1];
      })
      .toBe(true);
    const count = await logLines(page).count();
    await expect.poll(() => logLines(page).count()).toBeGreaterThanOrEqual(count + 40);
    expect(await place()).toEqual(before);
  });

  await test.step('back at the end it follows again', async () => {
    await page.getByRole('button', { name: /↓/ }).click();
    await expect.poll(toTheEnd).toBeLessThan(40);
    const count = await logLines(page).count();
    await linesReach(page, count + 20);
    await expect.poll(toTheEnd).toBeLessThan(40);
  });
});

test('nothing is fetched twice', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Weigh the pumpkins', 'gated');
  await cardume.run(card);
  await expect.poll(async () => (await cardume.card(card.id)).activeExecution?.lastSequence).toBeGreaterThan(60);
  const asked: string[] = [];
  const requests: { url: string; after: number }[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/fn/read_log')) {
      const { slice } = JSON.parse(request.postData() ?? '{}') as { slice?: { after?: number } };
      requests.push({ url: request.url(), after: slice?.after ?? -1 });
    }
    asked.push(request.url());
  });
  await open(page, `/cards/${card.id}`);
  await linesReach(page, 120);
  // The rows that came with the page are not asked for again, and each question begins where the last answer ended.
  expect(requests.length).toBeGreaterThan(0);
  expect(requests[0]?.after).toBeGreaterThanOrEqual(60);
  const cursors = requests.map((request) => request.after);
  expect(cursors).toEqual([...cursors].sort((a, b) => a - b));
  // The bundle is loaded once.
  const bundle = asked.filter((url) => url.includes('/pkg/'));
  expect(bundle).toEqual([...new Set(bundle)]);
});
