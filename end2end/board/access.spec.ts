// The board for everybody: by keyboard, with a screen reader, on a phone, without JavaScript.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { type Cardume, attempt, column, expect, linesReach, settles, test, tileIn } from '../fixtures/board.ts';

/** A board with a card in each kind of state: idle, running, failed, done. */
async function garden(cardume: Cardume) {
  const idle = await cardume.addCard('Order seeds', 'quick', 'Peas, beans, *chard*.');
  const done = await cardume.addCard('Sharpen the tools', 'quick');
  const failed = await cardume.addCard('Catch the mole', 'quick', 'fail in test');
  const running = await cardume.addCard('Dig the beds', 'gated');
  for (const card of [done, failed, running]) await cardume.run(card);
  await settles(cardume, done, 'done');
  await settles(cardume, failed, 'test');
  return { idle, done, failed, running };
}

async function expectNoFault(page: Page, what: string) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const faults = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`);
  expect(faults, `serious faults of ${what}`).toEqual([]);
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds no serious fault, ${colorScheme}`, async ({ cardume, page, open }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await open(page);
    await expectNoFault(page, 'the empty board');
    const { failed, running, done } = await garden(cardume);
    await open(page);
    await expectNoFault(page, 'the board');
    await page.getByRole('button', { name: 'New card' }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await expectNoFault(page, 'the dialog');
    for (const card of [running, failed, done]) {
      await open(page, `/cards/${card.id}`);
      await expectNoFault(page, `the card “${card.title}”`);
    }
    await page.keyboard.press('e');
    await expect(page.getByRole('form', { name: 'Edit card' }).getByLabel('Title')).toBeFocused();
    await expectNoFault(page, 'a card that is being edited');
    await page.setViewportSize({ width: 390, height: 844 });
    await open(page, `/cards/${failed.id}`);
    await expectNoFault(page, 'a card on a phone');
    await open(page);
    await expectNoFault(page, 'the board on a phone');
  });
}

test('a card is made, run and opened by keyboard alone', async ({ cardume, page, open }) => {
  await open(page);
  await tabTo(page, 'New card');
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Title')).toBeFocused();
  await page.keyboard.type('Rake the leaves');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(page.getByRole('button', { name: 'New card' })).toBeFocused();

  // What was typed is not lost with the dialog.
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Title')).toBeFocused();
  await expect(page.getByLabel('Title')).toHaveValue('Rake the leaves');
  await tabTo(page, 'Agent');
  // The server looks for its agents' versions before it names them.
  await expect(page.getByRole('option', { name: 'gated' })).toBeAttached();
  await page.keyboard.type('gated');
  await tabTo(page, 'Create');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeHidden();
  const card = await expect
    .poll(async () => (await cardume.cards())[0]?.agent)
    .toBe('gated')
    .then(async () => (await cardume.cards())[0]);
  if (!card) throw new Error('the card is gone');

  await expect(tileIn(page, 'backlog', card)).toBeVisible();
  await tabTo(page, 'Run');
  await page.keyboard.press('Enter');
  await expect(tileIn(page, 'plan', card)).toHaveAttribute('data-stage', 'planning');
  await tabTo(page, 'Rake the leaves');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Rake the leaves' })).toBeVisible();
  await tabTo(page, 'Log of Plan');
  // A log opens at its end.
  await expect(page.getByTestId('log-line').last()).toBeInViewport();
  await page.keyboard.press('Home');
  await expect(page.getByTestId('log-line').first()).toBeInViewport();
});

test('a card that failed is retried and its log followed by keyboard alone', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Mend the fence', 'gated');
  cardume.open('plan', 'the hammer is lost');
  await cardume.run(card);
  await settles(cardume, card, 'backlog');
  cardume.shut('plan');
  await open(page);
  await tabTo(page, 'Mend the fence');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Mend the fence' })).toBeVisible();
  await tabTo(page, 'Retry');
  await page.keyboard.press('Enter');
  const log = page.getByRole('log', { name: 'Log of Plan, attempt 2' });
  await expect(log).toBeVisible();
  await tabTo(page, 'Log of Plan, attempt 2');
  await linesReach(page, 80);
  await page.keyboard.press('Home');
  await expect(page.getByTestId('log-line').first()).toBeInViewport();
  await page.keyboard.press('End');
  const follows = async () => {
    const count = await page.getByTestId('log-line').count();
    await linesReach(page, count + 20);
    await expect(page.getByTestId('log-line').last()).toBeInViewport();
  };
  await follows();
  await follows();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds no serious fault in what opens, ${colorScheme}`, async ({ cardume, page, open }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { failed, done } = await garden(cardume);
    await open(page);
    const dialog = page.getByRole('dialog');
    const looked = async (what: string) => {
      await expect(dialog).toBeVisible();
      await expectNoFault(page, what);
      await page.keyboard.press('Escape');
      await expect(dialog).toBeHidden();
    };
    await page.keyboard.press('Control+k');
    await looked('the palette');
    await page.keyboard.press('?');
    await looked('the shortcuts');
    await page.getByRole('button', { name: 'Projects' }).click();
    await page.getByRole('button', { name: 'Remove project' }).click();
    await looked('the projects');
    await page.getByRole('button', { name: 'New card' }).click();
    await page.getByLabel('Description').fill('# Wanted');
    await page.getByRole('button', { name: 'Preview' }).click();
    await expect(page.getByRole('region', { name: 'Preview' })).toBeVisible();
    await looked('the preview of a new card');
    await tileIn(page, 'done', done).getByRole('button', { name: 'Archive' }).click();
    await expectNoFault(page, 'the notice with Undo');
    await page.getByRole('button', { name: 'Archived cards' }).click();
    await looked('the archive');
    await open(page, `/cards/${failed.id}`);
    await page.getByText('Rows', { exact: true }).click();
    await expectNoFault(page, 'the kinds of rows');
    await page.getByRole('button', { name: 'Next error' }).click();
    await expectNoFault(page, 'a row that one was brought to');
  });
}

/** Presses Tab until what has the focus bears this name. */
async function tabTo(page: Page, name: string) {
  const seen: string[] = [];
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus');
    if (!(await focused.count())) continue;
    const accessible = await focused.evaluate((element) => {
      const labelledBy = element.getAttribute('aria-labelledby');
      const label = element.getAttribute('aria-label') ?? (labelledBy && document.getElementById(labelledBy)?.textContent);
      const own = element instanceof HTMLSelectElement ? element.labels[0]?.textContent : element.textContent;
      return (label ?? own ?? '').trim();
    });
    if (accessible === name) return;
    seen.push(accessible);
  }
  throw new Error(`Tab never reaches “${name}”, only ${JSON.stringify(seen)}`);
}

test('on a phone no page is wider than the screen', async ({ cardume, complaints, page, open }) => {
  complaints.tolerate(/status of 404 .*\/no-such-page/);
  await page.setViewportSize({ width: 390, height: 844 });
  const { failed, running } = await garden(cardume);
  const surplus = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  for (const path of ['/', `/cards/${failed.id}`, `/cards/${running.id}`, '/no-such-page']) {
    if (path === '/no-such-page') {
      await page.goto(path);
    } else {
      await open(page, path);
    }
    expect(await surplus(), path).toBeLessThanOrEqual(0);
  }
  await open(page);
  await page.getByRole('button', { name: 'New card' }).click();
  await expect(page.getByRole('button', { name: 'Create and run' })).toBeInViewport();
  expect(await surplus(), 'the dialog').toBeLessThanOrEqual(0);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the board and a card can be read, and Run works', async ({ cardume, complaints, page }) => {
    // Nobody runs the script that the page preloads.
    complaints.tolerate(/was preloaded using link preload but not used/);
    const { idle, failed } = await garden(cardume);
    await page.goto('/');
    await expect(column(page, 'backlog').getByRole('link', { name: 'Order seeds' })).toBeVisible();
    await expect(tileIn(page, 'test', failed)).toContainText('Test failed');
    await expect(column(page, 'done').getByRole('link', { name: 'Sharpen the tools' })).toBeVisible();

    await page.getByRole('link', { name: 'Catch the mole' }).click();
    await expect(page.getByTestId('log-line').last()).toContainText('asked me to fail in test');
    await attempt(page, 'Plan', 1, 'done').click();
    await expect(page.getByRole('heading', { name: 'Log of Plan' })).toBeVisible();
    await expect(page.getByTestId('log-line').first()).toHaveAttribute('data-sequence', '1');

    await page.goto('/');
    await tileIn(page, 'backlog', idle).getByRole('button', { name: 'Run' }).click();
    await expect(page).toHaveURL(/:\d+\/\??$/);
    await settles(cardume, idle, 'done');
    await page.reload();
    await expect(tileIn(page, 'done', idle)).toBeVisible();
  });
});
