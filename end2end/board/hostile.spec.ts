// Whatever agents print and cards say is text: nothing of it runs, asks, or becomes part of the page.

import type { BrowserContext, Page } from '@playwright/test';
import { type Card, type Cardume, attempt, expect, listening, logLines, settles, test } from '../fixtures/board.ts';
import { lines } from '../fixtures/hostile-lines.mjs';

const short = lines.filter((line) => line.length < 300 && !line.includes('\0') && line.trim() !== '');

/** Notes whatever a page does that it should not. */
async function watch(context: BrowserContext, cardume: Cardume): Promise<string[]> {
  const seen: string[] = [];
  await context.exposeFunction('violated', (what: string) => seen.push(`policy: ${what}`));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      (window as unknown as { violated: (what: string) => void }).violated(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.on('dialog', (dialog) => {
    seen.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on('request', (request) => {
    const url = request.url();
    const isOurs = url.startsWith(`${cardume.url}/`) && !new URL(url).pathname.includes('beacon');
    if (!isOurs && url !== 'data:,') seen.push(`request: ${url}`);
  });
  return seen;
}

/** The kinds of elements that the page's main part is made of. */
function kinds(page: Page): Promise<string[]> {
  return page.locator('main *').evaluateAll((all) => [...new Set(all.map((element) => element.localName))].sort());
}

/** Cards whose every word is hostile, and whose agent is. */
async function hostileCards(cardume: Cardume): Promise<Card[]> {
  const cards: Card[] = [];
  for (const [index, line] of short.entries()) {
    if (index % 6 === 0) cards.push(await cardume.addCard(line, 'hostile', short.join('\n')));
  }
  const [first] = cards;
  if (!first) throw new Error('there are no hostile lines');
  await cardume.run(first);
  await settles(cardume, first, 'implement');
  return cards;
}

test('nothing hostile runs on the board or on a card', async ({ cardume, context, page, open }) => {
  test.slow();
  const seen = await watch(context, cardume);
  const harmless = await cardume.addCard('Harmless', 'quick', 'fail in implement');
  await cardume.run(harmless);
  await settles(cardume, harmless, 'implement');
  await open(page, `/cards/${harmless.id}`);
  const harmlessKinds = await kinds(page);
  await open(page);
  const harmlessBoard = await kinds(page);

  const [card, ...others] = await hostileCards(cardume);
  if (!card) throw new Error('there is no card');
  const check = async (where: string, allowed: string[]) => {
    expect((await kinds(page)).filter((kind) => !allowed.includes(kind)), `new kinds of elements ${where}`).toEqual([]);
    expect(await page.evaluate(() => 'owned' in window), where).toBe(false);
    expect(seen, where).toEqual([]);
  };

  await test.step('the board, from the server and as it goes on', async () => {
    await open(page);
    await check('on the board', harmlessBoard);
    for (const { title } of [card, ...others]) await expect(page.getByRole('link', { name: title.trim() }).first()).toBeAttached();
    const late = await cardume.addCard(`late ${short[0]}`, 'hostile');
    await expect(page.locator(`[data-card-id="${late.id}"]`)).toBeVisible();
    await check('on the board, later', harmlessBoard);
  });

  for (const [stage, outcome] of [['Plan', 'done'], ['Implement', 'failed']] as const) {
    await test.step(`the log of ${stage}`, async () => {
      await open(page, `/cards/${card.id}`);
      await attempt(page, stage, 1, outcome).click();
      await expect(page.getByRole('heading', { name: `Log of ${stage}` })).toBeVisible();
      const execution = (await cardume.executions(card.id)).find(({ command }) => command === `/${stage.toLowerCase()}`);
      const log = await cardume.executionLog(execution?.id ?? '');
      await expect(logLines(page)).toHaveCount(log.lastSequence);
      // As the server sent it, and as the page draws it when it is reloaded with its choice.
      for (const how of ['as it was asked for', 'as it was sent']) {
        const shown = await logLines(page).locator('.line__text').allTextContents();
        // To HTML, a carriage return is a line's end. Of what is meant for a terminal nothing is left but text and colours.
        const asHtml = (text: string) => text.replace(/\r\n?/g, '\n');
        const isForTerminals = log.logs.map(({ content }) => content.includes('\u001b'));
        const asText = (text: string, index: number) => (isForTerminals[index] ? 'for terminals' : asHtml(text));
        expect(shown.map(asText), how).toEqual(log.logs.map(({ content }, index) => asText(content, index)));
        const forTerminals = shown.filter((_, index) => isForTerminals[index]);
        expect(forTerminals.length).toBeGreaterThan(3);
        for (const text of forTerminals) expect(text).not.toMatch(/[\u001b\u0007]|javascript:|beacon|owned/);
        await check(`in the log of ${stage}, ${how}`, harmlessKinds);
        await page.reload();
        await listening(page);
      }
      expect(log.logs.filter(({ content }) => content.includes('<script>')).length).toBeGreaterThan(5);
    });
  }

  await test.step('what is clicked and hovered', async () => {
    for (const line of await logLines(page).filter({ hasText: 'click' }).all()) await line.click();
    await page.mouse.move(200, 400);
    await check('after clicks', harmlessKinds);
    expect(context.pages()).toHaveLength(1);
  });

  await test.step('a link that carries words', async () => {
    const words = encodeURIComponent(btoa(JSON.stringify({ type: 'x', title: 'x', status: 422, detail: lines[0] })));
    const address = `/?__path=%2Ffn%2Frun_card&__err=${words}&project=${encodeURIComponent(lines[0] ?? '')}`;
    await page.goto(address);
    await expect(page).toHaveURL('/');
    await page.evaluate((address) => location.assign(address), address);
    await page.waitForURL(/__err/);
    await listening(page);
    await check('with an error in the address', harmlessBoard);
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('nothing hostile becomes part of the page', async ({ cardume, complaints, page }) => {
    complaints.tolerate(/was preloaded using link preload but not used/);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const [card] = await hostileCards(cardume);
    if (!card) throw new Error('there is no card');
    for (const path of ['/', `/cards/${card.id}`]) {
      await page.goto(path);
      await expect(page.locator('main')).toBeVisible();
      const foreign = 'img, iframe, object, embed, video, base, meta, style, link, script, title, noscript, template';
      await expect(page.locator('main').locator(foreign)).toHaveCount(0);
      await expect(page.locator('main [onload], main [onerror], main [onfocus], main [ontoggle], main [style]')).toHaveCount(0);
      await expect(page.locator('main a[href^="javascript"], main a[href*="beacon"]')).toHaveCount(0);
    }
    const log = await cardume.executionLog(card.activeExecution?.id ?? (await cardume.executions(card.id))[0]?.id ?? '');
    await expect(logLines(page)).toHaveCount(log.lastSequence);
    expect(asked.filter((url) => url.includes('beacon') || !url.startsWith(cardume.url))).toEqual([]);
  });
});
