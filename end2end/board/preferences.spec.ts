// Theme and language: chosen by the system and the browser, until somebody chooses otherwise; kept, and never a flash.

import type { Page } from '@playwright/test';
import { attempt, expect, settles, test, tile } from '../fixtures/board.ts';

const ground = (page: Page) => page.locator('html').evaluate((root) => getComputedStyle(root).backgroundColor);
const ofTheSystem = async (page: Page, colorScheme: 'light' | 'dark') => {
  await page.emulateMedia({ colorScheme });
  return ground(page);
};

async function choose(page: Page, settings: string, choice: string): Promise<void> {
  await page.getByLabel(settings, { exact: true }).click();
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: choice, exact: true }).click()]);
}

test('a theme is chosen for good, and is there from the first byte', async ({ cardume, page, open }) => {
  await open(page);
  const [light, dark] = [await ofTheSystem(page, 'light'), await ofTheSystem(page, 'dark')];
  expect(light).not.toBe(dark);
  await page.emulateMedia({ colorScheme: 'light' });
  await choose(page, 'Settings', 'Dark');
  expect(await ground(page)).toBe(dark);

  const card = await cardume.addCard('Order seeds', 'quick');
  await open(page, `/cards/${card.id}`);
  expect(await ground(page)).toBe(dark);
  // What the server sends says so by itself: nothing has to run before the first picture.
  const html = await (await page.request.get('/')).text();
  expect(html).toContain('data-theme="dark"');
  expect(html).toContain('<meta name="color-scheme" content="dark"');

  await page.getByLabel('Settings', { exact: true }).click();
  await expect(page.getByRole('button', { name: 'Dark' })).toHaveAttribute('aria-pressed', 'true');
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'System' }).click()]);
  expect(await ground(page)).toBe(light);
});

test('another language is a click away, on the page where one is', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Order seeds', 'quick');
  await open(page, '/?q=seeds');
  await choose(page, 'Settings', 'Português (Brasil)');
  await expect(page).toHaveURL('/?q=seeds');
  await expect(page.locator('html')).toHaveAttribute('lang', 'pt-BR');
  await expect(page.getByRole('button', { name: 'Novo cartão' })).toBeVisible();
  await tile(page, card).getByRole('button', { name: 'Executar' }).click();
  await settles(cardume, card, 'done');
  await expect(tile(page, card)).toContainText('Concluído');
  await tile(page, card).getByRole('link').click();
  await expect(page.getByRole('link', { name: 'Registro: Planejar, tentativa #1, concluído' })).toBeVisible();
  await expect(page.locator('.log__state')).toHaveText(/^completo, [\d.]+ linhas$/);
  await choose(page, 'Configurações', 'English');
  await expect(attempt(page, 'Plan', 1, 'done')).toBeVisible();
});

test.describe('where the browser asks for Portuguese', () => {
  test.use({ locale: 'pt-BR' });

  test('the page is Portuguese from the start, and nothing of it is English', async ({ page, open }) => {
    await open(page);
    await expect(page.locator('html')).toHaveAttribute('lang', 'pt-BR');
    await page.getByRole('button', { name: 'Novo cartão' }).click();
    await expect(page.getByRole('dialog', { name: 'Novo cartão' })).toBeVisible();
    await page.getByLabel('Título').fill('Comprar sementes');
    await page.getByRole('button', { name: 'Criar', exact: true }).click();
    await expect(page.getByRole('link', { name: 'Comprar sementes' })).toBeVisible();
    const words = await page.locator('body').innerText();
    expect(words).not.toMatch(/\b(Board|Run|New card|Columns|Review|Done|Search|Settings|running|failed)\b/);
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('both can be chosen all the same', async ({ page }) => {
    await page.goto('/');
    await choose(page, 'Settings', 'Dark');
    await choose(page, 'Settings', 'Português (Brasil)');
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    await expect(page.getByText('Nada aqui ainda.')).toBeVisible();
  });
});
