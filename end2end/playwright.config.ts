import { defineConfig } from '@playwright/test';
import { browser } from './fixtures/browser.ts';

export default defineConfig({
  // Each test has a server, a data directory and a repository of its own, so they may run side by side.
  fullyParallel: true,
  workers: 2,
  forbidOnly: Boolean(process.env.CI),
  // A test that passes only sometimes is a fault of the board or of the test, and is to be mended.
  retries: 0,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  snapshotPathTemplate: '{testDir}/snapshots/{arg}{ext}',
  use: {
    launchOptions: browser,
    locale: 'en-GB',
    timezoneId: 'Europe/Lisbon',
    trace: { mode: 'retain-on-failure', screenshots: false },
    screenshot: 'only-on-failure',
  },
  projects: [
    { name: 'board', testDir: 'board' },
    { name: 'agents', testDir: 'agents' },
    // A trace of a page takes more time than the page.
    { name: 'bench', testDir: 'bench', fullyParallel: false, workers: 1, use: { trace: 'off', screenshot: 'off' } },
  ],
});
