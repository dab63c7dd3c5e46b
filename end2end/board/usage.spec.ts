// What agents used: the numbers on the page are those of the executions, with and without JavaScript.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { type Cardume, type Execution, expect, settles, test } from '../fixtures/board.ts';

const hostile = '</title><script>alert(1)</script><b>Dig</b> & "rake"';

/** One card that ran to its end, and one that failed in its second stage. */
async function garden(cardume: Cardume) {
  const done = await cardume.addCard('Sharpen the tools', 'quick');
  const failed = await cardume.addCard(hostile, 'quick', 'fail in implement');
  for (const card of [done, failed]) await cardume.run(card);
  await settles(cardume, done, 'done');
  await settles(cardume, failed, 'implement');
  return { done, failed };
}

/** The cells of a table's rows, by the first of each. */
async function numbers(page: Page, name: string): Promise<Map<string, string[]>> {
  const rows = page.getByRole('region', { name }).locator('tbody tr');
  const cells = await rows.evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
  return new Map(cells.map(([name, ...rest]) => [name ?? '', rest]));
}

const sum = (executions: Execution[], member: 'inputTokens' | 'outputTokens') =>
  executions.reduce((total, execution) => total + (execution[member] ?? 0), 0).toLocaleString('en');

const period = (page: Page, name: string) => page.getByRole('navigation', { name: 'Period' }).getByRole('link', { name });

test('the numbers are those of what ran', async ({ cardume, page, open }) => {
  const day = () => new Date().toISOString().slice(0, 10);
  const before = day();
  const { done, failed } = await garden(cardume);
  await open(page);
  await page.getByRole('link', { name: 'Usage' }).click();
  await expect(page).toHaveURL('/usage');
  await expect(page.getByRole('heading', { name: 'Usage', level: 1 })).toBeVisible();
  await expect(page).toHaveTitle('Usage · Cardume');
  await expect(page.locator('#main')).toBeFocused();

  const executions = { done: await cardume.executions(done.id), failed: await cardume.executions(failed.id) };
  const byCard = await numbers(page, 'Usage by card');
  expect([...byCard.keys()].toSorted()).toEqual([hostile, 'Sharpen the tools']);
  for (const [title, of] of [['Sharpen the tools', executions.done], [hostile, executions.failed]] as const) {
    const [time, cost, read, written, attempts] = byCard.get(title) ?? [];
    expect([attempts, read, written, cost]).toEqual([`${of.length}`, sum(of, 'inputTokens'), sum(of, 'outputTokens'), '$0.00']);
    expect(time).toMatch(/^\d+s$/);
  }
  const all = [...executions.done, ...executions.failed];
  const byStage = await numbers(page, 'Usage by stage');
  expect([...byStage].map(([stage, of]) => [stage, of.at(-1)])).toEqual([
    ['Plan', '2'], ['Implement', '2'], ['Test', '1'], ['Review', '1'],
  ]);
  expect((await numbers(page, 'Usage by project')).get('Garden')?.slice(1)).toEqual([
    '$0.00', sum(all, 'inputTokens'), sum(all, 'outputTokens'), '6',
  ]);
  // Nothing has cost anything, so the charts are of time.
  await expect(page.getByRole('img', { name: /^Time by day, 30 days; the most, / })).toBeVisible();
  await expect(page.getByRole('img', { name: /^Time by stage: Plan \d+s, Implement \d+s, Test \d+s, Review \d+s$/ })).toBeVisible();

  await page.getByText('The days in numbers').click();
  const byDay = await numbers(page, 'Usage by day');
  expect([...byDay.values()].reduce((total, of) => total + Number(of.at(-1)), 0)).toBe(6);
  expect([before, day()]).toContain([...byDay.keys()][0]);

  await page.getByRole('link', { name: 'Sharpen the tools' }).click();
  await expect(page.getByRole('heading', { name: 'Sharpen the tools', level: 1 })).toBeVisible();
});

test('another period is a link away, and focus stays on it', async ({ cardume, page, open }) => {
  await garden(cardume);
  await open(page, '/usage');
  await expect(period(page, '30 days')).toHaveAttribute('aria-current', 'page');
  let documents = 0;
  page.on('request', (request) => (documents += Number(request.isNavigationRequest())));
  await period(page, '7 days').focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/usage?days=7');
  await expect(period(page, '7 days')).toHaveAttribute('aria-current', 'page');
  await expect(period(page, '30 days')).not.toHaveAttribute('aria-current');
  await expect(page.getByRole('img', { name: /^Time by day, 7 days/ })).toBeVisible();
  await expect(page.locator('.chart .chart__bar')).toHaveCount(7);
  await expect(period(page, '7 days')).toBeFocused();
  await page.goBack();
  await expect(page.locator('.chart .chart__bar')).toHaveCount(30);
  expect(documents).toBe(0);
});

test('before anything has run, the page says what to do', async ({ cardume, page, open }) => {
  await cardume.addCard('Order seeds', 'quick');
  await open(page, '/usage?days=90');
  await expect(page.getByRole('heading', { name: 'Nothing has run in this time' })).toBeVisible();
  await page.getByRole('link', { name: 'To the board' }).click();
  await expect(page.getByRole('heading', { name: 'Order seeds' })).toBeVisible();
});

test('what no agent told is a dash', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Feed the snails', 'echoing');
  await cardume.run(card);
  await settles(cardume, card, 'backlog');
  await open(page, '/usage');
  expect((await numbers(page, 'Usage by stage')).get('Plan')?.slice(1)).toEqual(['–', '–', '–', '1']);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('all of it is there', async ({ cardume, page }) => {
    await garden(cardume);
    await page.goto('/');
    await page.getByRole('link', { name: 'Usage' }).click();
    await expect(page).toHaveURL('/usage');
    await period(page, '90 days').click();
    await expect(page).toHaveURL('/usage?days=90');
    await expect(period(page, '90 days')).toHaveAttribute('aria-current', 'page');
    await expect(page.locator('.chart .chart__bar')).toHaveCount(90);
    await expect(page.getByRole('cell', { name: '$0.00' }).first()).toBeVisible();
    await page.getByText('The days in numbers').click();
    await expect(page.getByRole('region', { name: 'Usage by day' })).toBeVisible();
    await expect(page.getByRole('link', { name: hostile })).toBeVisible();
  });
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds no serious fault, ${colorScheme}`, async ({ cardume, page, open }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const expectNoFault = async () => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      const faults = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      expect(faults.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0]?.html}`)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    };
    await open(page, '/usage');
    await expectNoFault();
    await garden(cardume);
    for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
      await page.setViewportSize(viewport);
      await open(page, '/usage');
      await page.getByText('The days in numbers').click();
      await expectNoFault();
    }
  });
}

test.describe('where the browser asks for Portuguese', () => {
  test.use({ locale: 'pt-BR' });

  test('days are written as one writes them there', async ({ cardume, page, open }) => {
    await garden(cardume);
    await open(page, '/usage');
    await expect(page.getByRole('img', { name: /^Tempo por dia/ })).toHaveAccessibleName(/\d\d\/\d\d\/\d{4}/);
    await page.getByText('Os dias em números').click();
    await expect(page.getByRole('rowheader', { name: /^\d\d\/\d\d\/\d{4}$/ })).toBeVisible();
  });
});
