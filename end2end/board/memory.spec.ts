// A page that follows a run for hours takes no more memory than one that follows it for a minute.

import { expect, test } from '../fixtures/board.ts';

/** The page's own memory, which its program takes and never gives back. */
const taken = () => (window as { memory?: WebAssembly.Memory }).memory?.buffer.byteLength ?? 0;

test('rows that come and go leave nothing behind', async ({ cardume, page, open }) => {
  await page.addInitScript(() => {
    const instantiate = WebAssembly.instantiateStreaming;
    WebAssembly.instantiateStreaming = async (source, imports) => {
      const program = await instantiate.call(WebAssembly, source, imports);
      const { memory } = program.instance.exports;
      if (memory) Object.assign(window, { memory });
      return program;
    };
  });
  const card = await cardume.addCard('Talk and talk', 'chatty');
  await cardume.run(card);
  await open(page, `/cards/${card.id}`);
  const lines = async () => {
    const standing = (await page.locator('.log__state').textContent()) ?? '';
    return Number(/([\d,]+) lines/.exec(standing)?.[1]?.replaceAll(',', '') ?? 0);
  };
  const reaches = (count: number) => expect.poll(lines, { timeout: 60_000 }).toBeGreaterThan(count);
  // By then the page holds as many rows as it ever does, and lets go of as many as come.
  await reaches(5_000);
  const before = await page.evaluate(taken);
  expect(before).toBeGreaterThan(1_000_000);
  await reaches(20_000);
  // 100 bytes a row would be 1.5 MB.
  expect((await page.evaluate(taken)) - before).toBeLessThan(1_000_000);
  await cardume.call('POST', `/api/cards/${card.id}/cancel`);
});
