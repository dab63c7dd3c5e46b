// The browser's program comes in parts: what every page needs, and each page's own.

import type { Page } from '@playwright/test';
import { type Complaints, expect, listening, test, tile } from '../fixtures/board.ts';

/** Which parts the page asks for, by their names without the hash; not what some of them share. */
function partsAsked(page: Page): string[] {
  const asked: string[] = [];
  page.on('request', (request) => {
    const part = /\/pkg\/(\w+)\.\w+\.wasm$/.exec(request.url());
    if (part?.[1] && !part[1].startsWith('chunk_')) asked.push(part[1]);
  });
  return asked;
}

/**
 * As of a server that has been updated since. The route stays when it has been taken that often: Playwright does not see
 * requests that are sent in the moment in which it takes its last route away.
 */
async function losePart(page: Page, complaints: Complaints, part: string, times: number): Promise<void> {
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 404/);
  complaints.tolerate(/^error: TypeError: .*HTTP status code is not ok/);
  let left = times;
  await page.route(new RegExp(`/pkg/${part}\\.\\w+\\.wasm$`), (route) => {
    left -= 1;
    return left >= 0 ? route.fulfill({ status: 404 }) : route.continue();
  });
}

/** Counts the documents that are loaded from now on. */
function documents(page: Page): () => number {
  let count = 0;
  page.on('request', (request) => {
    if (request.isNavigationRequest()) count += 1;
  });
  return () => count;
}

test('each page brings its own part, and the other one comes with the first link to it', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  const asked = partsAsked(page);
  await open(page);
  expect(asked.toSorted()).toEqual(['board', 'cardume']);
  const loaded = documents(page);
  await tile(page, card).getByRole('link').click();
  await expect(page.getByRole('heading', { name: 'Order seeds', level: 1 })).toBeVisible();
  await page.goBack();
  await expect(tile(page, card)).toBeVisible();
  expect(asked.toSorted()).toEqual(['board', 'card', 'cardume']);
  expect(loaded()).toBe(0);

  asked.length = 0;
  await open(page, `/cards/${card.id}`);
  expect(asked.toSorted()).toEqual(['card', 'cardume']);

  asked.length = 0;
  await open(page, '/usage');
  expect(asked.toSorted()).toEqual(['cardume', 'usage']);
  await page.getByRole('link', { name: 'Board', exact: true }).click();
  await expect(tile(page, card)).toBeVisible();
  expect(asked.toSorted()).toEqual(['board', 'cardume', 'usage']);
});

test('a link that is pressed while the page is being taken over leads on', async ({ cardume, page }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await page.addInitScript(() => {
    // The pauses between the pieces last until somebody says so: timers, where the browser has nothing better.
    Object.defineProperty(window, 'scheduler', { value: undefined });
    const held: (() => void)[] = [];
    const start = window.setTimeout;
    let isHeld = true;
    const release = () => {
      isHeld = false;
      for (const ring of held.splice(0)) ring();
    };
    const hold = (ring: () => void, ms?: number) => (ms === 0 && isHeld ? held.push(ring) : start(ring, ms));
    Object.assign(window, { setTimeout: hold, held, release });
  });
  await page.goto('/');
  // The second pause is after the frame has been made.
  const pauses = () => page.evaluate(() => (Reflect.get(window, 'held') as unknown[]).length);
  await expect.poll(pauses).toBe(1);
  await page.evaluate(() => (Reflect.get(window, 'held') as (() => void)[]).shift()?.());
  await expect.poll(pauses).toBe(1);
  await expect(page.locator('html[data-hydrated]')).not.toBeAttached();
  const loaded = documents(page);
  await tile(page, card).getByRole('link').click();
  await page.evaluate(() => (Reflect.get(window, 'release') as () => void)());
  await expect(page.getByRole('heading', { name: 'Order seeds', level: 1 })).toBeVisible();
  await listening(page);
  await page.goBack();
  await tile(page, card).getByRole('button', { name: 'Run' }).click();
  await expect(tile(page, card)).toHaveAttribute('data-stage', 'planning');
  expect(loaded()).toBe(0);
});

test('dialogs come with the first one that is opened', async ({ complaints, page, open }) => {
  const asked = partsAsked(page);
  await open(page);
  expect(asked).not.toContain('dialogs');
  await losePart(page, complaints, 'dialogs', 1);
  await page.getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await expect(dialog.getByRole('alert')).toContainText('could not be loaded');
  // What failed is asked for again.
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole('button', { name: 'New card' }).click();
  await expect(dialog.getByLabel('Title')).toBeFocused();
  expect(asked.filter((part) => part === 'dialogs')).toHaveLength(2);
  await dialog.getByLabel('Title').fill('Order seeds');
  await page.reload();
  await page.getByRole('button', { name: 'New card' }).click();
  await expect(dialog.getByLabel('Title')).toHaveValue('Order seeds');
});

test('where the part behind a link is gone, the page is loaded anew', async ({ cardume, complaints, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await open(page);
  await losePart(page, complaints, 'card', 1);
  const loaded = documents(page);
  await tile(page, card).getByRole('link').click();
  await page.waitForURL(`**/cards/${card.id}`);
  await listening(page);
  await expect(page.getByRole('heading', { name: 'Order seeds', level: 1 })).toBeVisible();
  expect(loaded()).toBe(1);
});

test('a page without its part is readable, and is not loaded again and again', async ({ cardume, complaints, page }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await losePart(page, complaints, 'card', 100);
  const loaded = documents(page);
  const lost = page.waitForEvent('console', (message) => message.text().includes('HTTP status code is not ok'));
  await page.goto(`/cards/${card.id}`);
  await lost;
  await expect(page.getByRole('heading', { name: 'Order seeds', level: 1 })).toBeVisible();
  await page.getByRole('link', { name: 'Board', exact: true }).click();
  await listening(page);
  await expect(tile(page, card)).toBeVisible();
  expect(loaded()).toBe(2);
});
