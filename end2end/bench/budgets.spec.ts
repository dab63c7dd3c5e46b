// How fast the board is in a browser, beside what it is meant to be: `make bench-browser`. It measures and prints; machines
// differ too much for it to fail anybody. What a first visit loads is measured by every build, and does fail it.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Browser, type Page, chromium, test } from '@playwright/test';
import { expect, listening } from '../fixtures/board.ts';
import { browser as installed } from '../fixtures/browser.ts';
import { Cardume } from '../fixtures/server.ts';

const LIGHTHOUSE = 'lighthouse@12.8.2';
const COLUMNS = ['backlog', 'plan', 'implement', 'test', 'review', 'done'];

test.setTimeout(15 * 60_000);

interface Row {
  what: string;
  measured: string;
  meant: string;
}

const rows: Row[] = [];
const tell = (what: string, measured: string, meant: string) => rows.push({ what, measured, meant });
const sorted = (numbers: number[]) => numbers.toSorted((a, b) => a - b);
const median = (numbers: number[]) => sorted(numbers)[numbers.length >> 1] ?? Number.NaN;
const spread = (numbers: number[]) =>
  `${median(numbers).toFixed(0)} ms (${sorted(numbers)[0]?.toFixed(0)} to ${sorted(numbers).at(-1)?.toFixed(0)})`;

test.afterAll(() => {
  const width = Math.max(...rows.map(({ what }) => what.length));
  for (const { what, measured, meant } of rows) console.log(`${what.padEnd(width)}  ${measured.padEnd(32)}  ${meant}`);
});

/** Uncompressed, so that it is the server's own time. */
async function htmlTimes(url: string): Promise<number[]> {
  const times: number[] = [];
  for (let number = 0; number < 45; number += 1) {
    const asked = performance.now();
    await (await fetch(url, { headers: { 'accept-encoding': 'identity' } })).arrayBuffer();
    if (number >= 5) times.push(performance.now() - asked);
  }
  return times;
}

/** From the beginning of a first visit until every listener is there. */
async function timesUntilListening(browser: Browser, url: string): Promise<number[]> {
  const times: number[] = [];
  for (let number = 0; number < 9; number += 1) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(url, { waitUntil: 'commit' });
    await listening(page);
    times.push(await page.evaluate(() => performance.now()));
    await context.close();
  }
  return times;
}

/** What the page asks the server for from now on; and which of its tasks take so long that one notices (50 ms). */
async function watched(page: Page, forMs: number) {
  const network = await page.context().newCDPSession(page);
  await network.send('Network.enable');
  let requests = 0;
  let bytes = 0;
  network.on('Network.loadingFinished', ({ encodedDataLength }) => {
    requests += 1;
    bytes += encodedDataLength;
  });
  const longest = await page.evaluate(async (forMs) => {
    let longest = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
    });
    observer.observe({ type: 'longtask' });
    await new Promise((wake) => setTimeout(wake, forMs));
    return longest;
  }, forMs);
  await network.detach();
  return { requests, bytes, longest };
}

async function lighthouse(url: string, flags: string[]): Promise<string> {
  const args = ['--yes', LIGHTHOUSE, url, '--quiet', '--output=json', '--chrome-flags=--headless=new --no-sandbox', ...flags];
  const env = { ...process.env, ...(installed.executablePath ? { CHROME_PATH: installed.executablePath } : {}) };
  const run = () => promisify(execFile)('npx', args, { env, maxBuffer: 1 << 27 });
  // Now and then it misses the beginning of its own trace, and says to run it again.
  const { stdout } = await run().catch((error: Error) => (error.message.includes('NO_NAVSTART') ? run() : Promise.reject(error)));
  const { categories } = JSON.parse(stdout) as { categories: Record<string, { score: number }> };
  const score = (category: string) => Math.round((categories[category]?.score ?? 0) * 100);
  return ['performance', 'accessibility', 'best-practices'].map(score).join(' / ');
}

/** Runs with a server and a browser of its own. */
async function on(use: (cardume: Cardume, browser: Browser) => Promise<void>): Promise<void> {
  const cardume = await Cardume.start();
  const browser = await chromium.launch(installed);
  try {
    await use(cardume, browser);
  } finally {
    await browser.close();
    await cardume.dispose();
  }
}

test('a board of three cards, and one of a thousand', () =>
  on(async (cardume, browser) => {
    for (const count of [3, 1_000]) {
      for (let number = (await cardume.cards()).length; number < count; number += 1) {
        const card = await cardume.addCard(`Card ${number}, with a title of usual length`, 'quick', 'Some words about it.');
        const columnId = COLUMNS[number % COLUMNS.length];
        await cardume.call('PATCH', `/api/cards/${card.id}/move`, { columnId, position: 0 });
      }
      tell(`${count} cards: the server’s HTML`, spread(await htmlTimes(cardume.url)), count > 3 ? 'below 30 ms' : '');
      const times = await timesUntilListening(browser, cardume.url);
      tell(`${count} cards: until all of it listens`, spread(times), count > 3 ? 'below 1000 ms' : '');
    }
  }));

test('a board that nobody works on, and one on which twenty cards run', () =>
  on(async (cardume, browser) => {
    const page = await browser.newPage();
    await page.goto(cardume.url);
    await listening(page);
    const idle = await watched(page, 30_000);
    tell('idle board, 30 s', `${idle.requests} requests, ${idle.bytes} bytes`, 'a small one a poll');
    for (let number = 0; number < 20; number += 1) await cardume.run(await cardume.addCard(`Card ${number}`, 'gated'));
    await expect(page.locator('[data-testid=card][data-stage=planning]')).toHaveCount(20, { timeout: 60_000 });
    const busy = await watched(page, 60_000);
    tell('20 cards run, 60 s', `${busy.requests} requests, ${busy.bytes} bytes`, 'one for the whole board');
    tell('20 cards run: longest task', `${busy.longest.toFixed(0)} ms`, 'below 200 ms');
  }));

test('what Lighthouse says', () =>
  on(async (cardume) => {
    console.log(`Fetching ${LIGHTHOUSE} with npx, unless it is there`);
    const card = await cardume.addCard('Catch the mole', 'quick', 'Kindly.');
    await cardume.run(card);
    await cardume.addCard('Order seeds', 'quick');
    await expect.poll(async () => (await cardume.card(card.id)).columnId, { timeout: 60_000 }).toBe('done');
    for (const [what, path] of Object.entries({ board: '/', card: `/cards/${card.id}` })) {
      for (const [device, flags] of Object.entries({ phone: [], desktop: ['--preset=desktop'] })) {
        tell(`Lighthouse, ${what}, ${device}`, await lighthouse(cardume.url + path, flags), 'at least 95 each');
      }
    }
  }));
