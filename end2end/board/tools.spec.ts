// What one does with a log: to the next error, to a line, only some kinds of rows, times since the start.

import type { Page } from '@playwright/test';
import { type Cardume, expect, logLines, settles, test } from '../fixtures/board.ts';

/** A card whose test stage has failed, and the rows of that stage's log. */
async function failed(cardume: Cardume) {
  const card = await cardume.addCard('Catch the mole', 'quick', 'Kindly. And fail in test.');
  await cardume.run(card);
  const { activeExecution } = await settles(cardume, card, 'test');
  const { logs } = await cardume.executionLog(activeExecution?.id ?? '');
  return { card, rows: logs };
}

const current = (page: Page) => page.locator('[data-testid=log-line][data-current]');

test('a button goes from error to error, and from the last to the first', async ({ cardume, page, open }) => {
  const { card, rows } = await failed(cardume);
  const errors = rows.filter(({ type }) => type === 'error').map(({ sequence }) => String(sequence));
  expect(errors.length).toBeGreaterThan(0);
  await open(page, `/cards/${card.id}`);
  for (const sequence of [...errors, ...errors]) {
    await page.getByRole('button', { name: 'Next error' }).click();
    await expect(current(page)).toHaveAttribute('data-sequence', sequence);
    await expect(current(page)).toBeInViewport();
  }
});

test('a line is gone to by its number', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Count to many', 'wordy');
  await cardume.run(card);
  await settles(cardume, card, 'backlog');
  await open(page, `/cards/${card.id}`);
  await page.keyboard.press('/');
  await page.keyboard.type(':15000');
  await page.keyboard.press('Enter');
  await expect(current(page)).toHaveAttribute('data-sequence', '15000');
  await expect(current(page)).toBeInViewport();
  // Where there is no such line it is the last one.
  await page.getByRole('searchbox', { name: 'Search this log' }).fill(':99999999');
  await page.keyboard.press('Enter');
  await expect(logLines(page).last()).toHaveAttribute('data-current', '');
});

test('lines are chosen by their numbers, copied, and linked to', async ({ cardume, context, page, open }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  const card = await cardume.addCard('Count to many', 'wordy');
  await cardume.run(card);
  await settles(cardume, card, 'backlog');
  await open(page, `/cards/${card.id}`);
  const number = (sequence: number) => page.locator(`[data-sequence="${sequence}"] .line__number`);
  const chosen = page.getByRole('group', { name: 'Chosen lines' });
  await number(19_990).click();
  await expect(chosen).toContainText('Line 19990');
  await number(19_993).click({ modifiers: ['Shift'] });
  await expect(chosen).toContainText('Lines 19990–19993 (4)');
  await expect(current(page)).toHaveCount(4);
  await chosen.getByRole('button', { name: 'Copy', exact: true }).click();
  await expect(chosen.getByRole('button', { name: 'Copied' })).toBeVisible();
  // The first row of all is the board's own.
  expect(await copied()).toBe([19_989, 19_990, 19_991, 19_992].map((n) => `line ${n} of the long log\n`).join(''));

  // From the other end, and the link shows the same to somebody else.
  await number(19_985).click({ modifiers: ['Shift'] });
  await expect(chosen).toContainText('Lines 19985–19990 (6)');
  await chosen.getByRole('button', { name: 'Copy link' }).click();
  await expect(chosen.getByRole('button', { name: 'Copied' })).toBeVisible();
  const link = new URL(await copied());
  expect(link.searchParams.get('line')).toBe('19985-19990');
  await open(page, link.pathname + link.search);
  await expect(current(page)).toHaveCount(6);
  await expect(page.getByRole('button', { name: /↓/ }), 'the end is not followed').toBeVisible();
  await expect(current(page).first()).toBeInViewport();
  await chosen.getByRole('button', { name: 'Choose no lines' }).click();
  await expect(chosen).toBeHidden();
  await expect(current(page)).toHaveCount(0);
});

test('lines are chosen and copied without a mouse, also more than the page holds', async ({ cardume, context, page, open }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const card = await cardume.addCard('Count to many', 'wordy');
  await cardume.run(card);
  await settles(cardume, card, 'backlog');
  await open(page, `/cards/${card.id}`);
  await page.keyboard.press('/');
  await page.keyboard.type(':2-7000');
  await page.keyboard.press('Enter');
  const copy = page.getByRole('group', { name: 'Chosen lines' }).getByRole('button', { name: 'Copy', exact: true });
  await expect(copy).toBeVisible();
  await copy.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  const lines = (await page.evaluate(() => navigator.clipboard.readText())).split('\n');
  expect(lines.slice(0, 2)).toEqual(['line 1 of the long log', 'line 2 of the long log']);
  expect(lines.slice(-2)).toEqual(['line 6999 of the long log', '']);
  expect(lines).toHaveLength(7000);
});

test('a log without errors says so', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Sharpen the tools', 'quick');
  await cardume.run(card);
  await settles(cardume, card, 'done');
  await open(page, `/cards/${card.id}`);
  await page.getByRole('button', { name: 'Next error' }).click();
  await expect(page.getByRole('search', { name: 'This log' }).getByRole('status')).toHaveText('no error in this log');
});

test('kinds of rows can be left out', async ({ cardume, page, open }) => {
  const { card, rows } = await failed(cardume);
  const kinds = new Set(rows.map(({ type }) => type));
  expect(kinds).toContain('tool');
  await open(page, `/cards/${card.id}`);
  const shown = (kind: string) => page.locator(`[data-testid=log-line][data-type=${kind}]:visible`);
  await expect(shown('tool')).not.toHaveCount(0);
  await page.getByText('Rows', { exact: true }).click();
  await page.getByRole('checkbox', { name: 'tool' }).uncheck();
  await expect(shown('tool')).toHaveCount(0);
  await expect(shown('error')).toHaveCount(rows.filter(({ type }) => type === 'error').length);
  await page.getByRole('checkbox', { name: 'tool' }).check();
  await expect(shown('tool')).toHaveCount(rows.filter(({ type }) => type === 'tool').length);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('checkbox', { name: 'tool' })).toBeHidden();
});

test('times are those of day or since the start, and it is remembered which', async ({ cardume, page, open }) => {
  const { card } = await failed(cardume);
  await open(page, `/cards/${card.id}`);
  const time = logLines(page).first().locator('.line__time');
  await expect(time.locator('time')).toBeVisible();
  await page.getByRole('button', { name: 'Show times since the start' }).click();
  await expect(time.locator('time')).toBeHidden();
  expect(await time.evaluate((element) => getComputedStyle(element, '::after').content)).toMatch(/^"\+\d+:\d\d\.\d"$/);
  await page.reload();
  await expect(page.locator('html[data-hydrated]')).toBeAttached();
  await expect(time.locator('time')).toBeHidden();
});
