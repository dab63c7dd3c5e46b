// What ended while nobody looked: a list on the board, the tab's title, and the browser's own notifications.

import type { Page } from '@playwright/test';
import { expect, settles, test } from '../fixtures/board.ts';

/** As if the tab went behind another one, or came back. */
async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, hidden);
}

test('a later visit tells what has ended since, until that is dismissed', async ({ cardume, page, open }) => {
  const [done, failed] = [
    await cardume.addCard('Order seeds', 'quick'),
    await cardume.addCard('Catch the mole', 'quick', 'fail in test'),
  ];
  await open(page);
  const list = page.getByRole('region', { name: 'While you were away' });
  await expect(list).toBeHidden();
  await page.goto('about:blank');
  for (const card of [done, failed]) await cardume.run(card);
  await settles(cardume, done, 'done');
  await settles(cardume, failed, 'test');
  await open(page);
  await expect(list.getByRole('listitem')).toHaveCount(2);
  await expect(list).toContainText('Order seeds');
  await expect(list).toContainText('Test failed');
  await list.getByRole('button', { name: 'Dismiss' }).click();
  await expect(list).toBeHidden();
  await open(page);
  await expect(list).toBeHidden();
});

test('what one sees end is no news, and what ends behind another tab is in the title', async ({ cardume, page, open }) => {
  const seen = await cardume.addCard('Order seeds', 'quick');
  await open(page);
  await cardume.run(seen);
  await settles(cardume, seen, 'done');
  const list = page.getByRole('region', { name: 'While you were away' });
  await expect(page.getByTestId('column-done').getByTestId('card')).toHaveCount(1);
  await expect(list).toBeHidden();

  const missed = await cardume.addCard('Dig the beds', 'quick');
  await hide(page, true);
  await cardume.run(missed);
  await settles(cardume, missed, 'done');
  // A hidden page asks every 15 seconds.
  await expect(page).toHaveTitle('(1) · Cardume', { timeout: 40_000 });
  await hide(page, false);
  await expect(list.getByRole('listitem')).toHaveText(/Dig the beds/);
  await expect(page).toHaveTitle('Cardume');
});

test('the browser tells of an end once somebody has asked for that', async ({ cardume, context, page, open }) => {
  await context.grantPermissions(['notifications']);
  await page.addInitScript(() => {
    const told: string[] = [];
    Object.assign(window, { told });
    const Real = window.Notification;
    window.Notification = class extends Real {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        told.push(title);
      }
    };
  });
  const told = () => page.evaluate(() => (window as unknown as { told: string[] }).told);
  const card = await cardume.addCard('Order seeds', 'quick');
  await open(page);
  await page.getByLabel('Settings', { exact: true }).click();
  const toggle = page.getByRole('button', { name: 'When a run ends' });
  await expect(toggle).toHaveAttribute('aria-pressed', 'false');
  await toggle.click();
  await expect(toggle).toHaveAttribute('aria-pressed', 'true');
  await hide(page, true);
  await cardume.run(card);
  await settles(cardume, card, 'done');
  await expect.poll(told, { timeout: 40_000 }).toEqual(['Order seeds: Completed']);
});
