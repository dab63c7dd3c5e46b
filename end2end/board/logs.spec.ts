// A long log: any line of it can be reached, searched for, linked to and downloaded, and the page holds few of them.

import type { Page } from '@playwright/test';
import { expect, logLines, serverIsAway, test } from '../fixtures/board.ts';

/** As many as the agent `wordy` prints, behind the row in which Cardume says what it starts. */
const lines = 20_000;
test.beforeEach(async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Print a great deal', 'wordy');
  await cardume.run(card);
  await expect.poll(async () => (await cardume.card(card.id)).activeExecution?.status, { timeout: 60_000 }).toBe('error');
  await open(page, `/cards/${card.id}`);
  await expect(page.getByText(/complete, 20,00\d lines/)).toBeVisible();
});

const inView = (page: Page) =>
  page.getByTestId('log').evaluate((list) => {
    const view = list.getBoundingClientRect();
    return [...list.querySelectorAll('[data-testid=log-line]')]
      .filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return bottom > view.top && top < view.bottom;
      })
      .map((row) => Number(row.getAttribute('data-sequence')));
  });

test('every part is a scroll away, and the page never holds many rows', async ({ page }) => {
  const log = page.getByTestId('log');
  const counts: number[] = [];
  for (const share of [0.75, 0.5, 0.1, 0]) {
    await log.evaluate((list, share) => (list.scrollTop = list.scrollHeight * share), share);
    await expect
      .poll(async () => {
        const seen = await inView(page);
        counts.push(await logLines(page).count());
        return seen.length > 5 && Math.abs((seen[0] ?? 0) - share * lines) < lines * 0.1;
      })
      .toBe(true);
  }
  await expect.poll(async () => (await inView(page))[0]).toBe(1);
  // On by the wheel, through rows that are loaded on the way: none is missing, none comes twice.
  for (let step = 0; step < 40; step++) {
    await log.evaluate((list) => list.scrollBy(0, 600));
    await expect.poll(async () => (await inView(page)).length).toBeGreaterThan(5);
    counts.push(await logLines(page).count());
  }
  const rows = await logLines(page).evaluateAll((rows) => rows.map((row) => Number(row.getAttribute('data-sequence'))));
  expect(rows).toEqual(rows.map((_, index) => (rows[0] ?? 0) + index));
  expect(Math.max(...counts)).toBeLessThanOrEqual(2000);

  await page.getByRole('button', { name: /↓/ }).click();
  await expect.poll(async () => (await inView(page)).at(-1)).toBeGreaterThanOrEqual(lines);
});

test('rows that come in above do not move what is read', async ({ page }) => {
  const log = page.getByTestId('log');
  await log.evaluate((list) => (list.scrollTop = list.scrollHeight * 0.5));
  await expect.poll(async () => Math.abs(((await inView(page))[0] ?? 0) - lines / 2)).toBeLessThan(lines * 0.1);
  // Further up in small steps: the row under the eye moves by the step alone, whatever is loaded meanwhile.
  for (let step = 0; step < 30; step++) {
    const seen = (await inView(page))[3] ?? 0;
    const top = () => page.locator(`[data-sequence="${seen}"]`).evaluate((row) => row.getBoundingClientRect().top);
    const before = await top();
    await log.evaluate((list) => list.scrollBy(0, -100));
    await expect.poll(async () => Math.abs((await top()) - before - 100)).toBeLessThan(2);
  }
});

test('whoever is at its end is there in a smaller window, too', async ({ page }) => {
  for (const viewport of [{ width: 1024, height: 700 }, { width: 390, height: 600 }, { width: 1440, height: 900 }]) {
    await page.setViewportSize(viewport);
    await expect.poll(async () => (await inView(page)).at(-1)).toBeGreaterThanOrEqual(lines);
    await expect.poll(() => page.getByTestId('log').evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight)).toBeLessThan(2);
  }
});

test('the server searches all of it', async ({ page }) => {
  await page.keyboard.press('/');
  const field = page.getByRole('searchbox', { name: 'Search this log' });
  await expect(field).toBeFocused();
  await field.fill('milestone');
  await field.press('Enter');
  const standing = page.getByRole('search', { name: 'This log' }).getByRole('status');
  await expect(standing).toHaveText('1 of 20');
  await expect.poll(() => inView(page)).toContain(1001);
  await expect(page.locator('[data-sequence="1001"] mark')).toHaveText('milestone');
  await field.press('Enter');
  await expect(standing).toHaveText('2 of 20');
  await expect.poll(() => inView(page)).toContain(2001);
  await page.getByRole('button', { name: 'Previous match' }).click();
  await field.press('Shift+Enter');
  await expect(standing).toHaveText('20 of 20');
  await expect.poll(() => inView(page)).toContain(20_001);
  await field.fill('there is no such thing');
  await field.press('Enter');
  await expect(standing).toHaveText('not found');
  await field.press('Escape');
  await expect(standing).toHaveText('');
  await expect(page.locator('[data-testid=log-line] mark')).toHaveCount(0);
});

test('a line has an address', async ({ page, open }) => {
  const log = page.getByTestId('log');
  await log.evaluate((list) => (list.scrollTop = list.scrollHeight / 3));
  await expect.poll(async () => Math.abs(((await inView(page))[0] ?? 0) - lines / 3)).toBeLessThan(lines * 0.1);
  const number = (await inView(page))[4] ?? 0;
  await page.locator(`[data-sequence="${number}"]`).locator('.line__number').click();
  await expect(page).toHaveURL(new RegExp(`line=${number}$`));
  await expect(page.locator(`[data-sequence="${number}"]`)).toHaveAttribute('data-current', '');
  await page.reload();
  await open(page, page.url());
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await expect(page.getByRole('button', { name: /↓/ }), 'the end is not followed').toBeVisible();
  await expect.poll(() => inView(page)).toContain(number);
  await expect(page.locator(`[data-sequence="${number}"]`)).toHaveAttribute('data-current', '');
});

test('whoever scrolls back as soon as the page listens stays there', async ({ page, open }) => {
  await page.addInitScript(() =>
    new MutationObserver((_, listening) => {
      const log = document.querySelector('html[data-hydrated] [data-testid=log]');
      if (!log) return;
      listening.disconnect();
      log.scrollTop = log.scrollHeight / 3;
    }).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-hydrated'] }),
  );
  await open(page, page.url());
  await expect.poll(async () => Math.abs(((await inView(page))[0] ?? 0) - lines / 3)).toBeLessThan(lines * 0.1);
  await expect(page.getByRole('button', { name: /↓/ })).toBeVisible();
});

test('colours are shown, long lines can be cut, and both survive a reload', async ({ page, open }) => {
  await expect(page.locator('[data-sequence="20001"] .ansi-1')).toHaveText('milestone');
  const wrap = page.getByRole('button', { name: 'Wrap long lines' });
  await expect(wrap).toHaveAttribute('aria-pressed', 'true');
  await wrap.click();
  await expect(wrap).toHaveAttribute('aria-pressed', 'false');
  await open(page, page.url());
  await expect(wrap).toHaveAttribute('aria-pressed', 'false');
});

test('all of it can be downloaded', async ({ page }) => {
  const fetched = async (name: string) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  };
  const text = (await fetched('Download the log as text')).trimEnd().split('\n');
  expect(text[999]).toBe('line 999 of the long log');
  expect(text.length).toBeGreaterThanOrEqual(lines);
  const rows = (await fetched('Download the log as JSON Lines')).trimEnd().split('\n').map((row) => JSON.parse(row) as { sequence: number });
  expect(rows.map((row) => row.sequence)).toEqual(text.map((_, index) => index + 1));
});

test.describe('without JavaScript', () => {
  test('all of it can be read in pages', async ({ browser, page }) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    await plain.goto(page.url());
    await plain.getByRole('link', { name: 'First' }).click();
    const seen: number[] = [];
    for (let pages = 0; pages < 3; pages++) {
      seen.push(...(await plain.getByTestId('log-line').all().then((rows) => Promise.all(rows.slice(-1).map((row) => row.getAttribute('data-sequence'))))).map(Number));
      await plain.getByRole('link', { name: 'Later' }).click();
    }
    expect(seen).toEqual([500, 1000, 1500]);
    await plain.getByRole('link', { name: 'Last' }).click();
    await expect(plain.locator('[data-sequence="20001"]')).toBeAttached();
    await context.close();
  });

  test('a line that the address names is in view', async ({ browser, page }) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    await plain.goto(`${page.url()}?line=6671`);
    const [log, row] = await Promise.all([plain.getByTestId('log').boundingBox(), plain.locator('[data-current]').boundingBox()]);
    expect(row?.y).toBeGreaterThanOrEqual(log?.y ?? Infinity);
    expect(row?.y).toBeLessThan((log?.y ?? 0) + (log?.height ?? 0));
    await context.close();
  });
});

test('what one has scrolled to while the server was away comes by itself when it is back', async ({
  cardume, complaints, page,
}) => {
  complaints.tolerate(serverIsAway);
  await cardume.end('SIGKILL');
  await page.getByTestId('log').evaluate((list) => (list.scrollTop = list.scrollHeight / 2));
  await expect.poll(() => inView(page)).toEqual([]);
  await cardume.start();
  await expect.poll(async () => (await inView(page)).length).toBeGreaterThan(5);
  const [first = 0] = await inView(page);
  expect(Math.abs(first - lines / 2)).toBeLessThan(200);
});
