// What the browser loads besides the pages: embedded, compressed, typed, and kept for ever.

import { gunzipSync, brotliDecompressSync } from 'node:zlib';
import { get, type IncomingMessage } from 'node:http';
import { expect, test } from '../fixtures/board.ts';

/** Fetches without undoing any compression. */
async function raw(url: string, headers: Record<string, string> = {}): Promise<{ response: IncomingMessage; body: Buffer }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers }, resolve).on('error', reject);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { response, body: Buffer.concat(chunks) };
}

test('the bundle comes compressed, typed and with a long life', async ({ cardume, page, open }) => {
  const loaded: string[] = [];
  page.on('response', (response) => loaded.push(new URL(response.url()).pathname));
  await open(page);
  const kinds = {
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.wasm': 'application/wasm',
  };
  for (const [extension, type] of Object.entries(kinds)) {
    const path = loaded.find((path) => path.startsWith('/pkg/') && path.endsWith(extension));
    expect(path, `a ${extension} that the page loads`).toMatch(/^\/pkg\/\w+\.[0-9a-f]{16}\./);
    const url = cardume.url + path;
    const plain = await raw(url, { 'accept-encoding': 'identity' });
    expect(plain.response.headers['content-encoding']).toBeUndefined();
    for (const [encoding, undo] of [['br', brotliDecompressSync], ['gzip', gunzipSync]] as const) {
      const { response, body } = await raw(url, { 'accept-encoding': encoding });
      expect(response.statusCode).toBe(200);
      expect(response.headers).toMatchObject({
        'content-encoding': encoding,
        'content-type': type,
        'cache-control': 'public, max-age=31536000, immutable',
        vary: expect.stringMatching(/accept-encoding/i),
      });
      expect(body.length).toBeLessThan(plain.body.length);
      expect(undo(body).equals(plain.body)).toBe(true);
    }
  }
});

test('the icon is asked for again, and not sent again', async ({ cardume }) => {
  const { response } = await raw(`${cardume.url}/favicon.svg`);
  expect(response.headers).toMatchObject({ 'content-type': 'image/svg+xml', 'cache-control': 'no-cache' });
  const again = await raw(`${cardume.url}/favicon.svg`, { 'if-none-match': response.headers.etag ?? '' });
  expect(again.response.statusCode).toBe(304);
  expect(again.body).toHaveLength(0);
});

test('what is not there is not found, and says so on a page of its own', async ({ complaints, page }) => {
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 404/);
  for (const path of ['/no-such-page', '/cards/00000000-0000-7000-8000-000000000000', '/cards/nonsense']) {
    const response = await page.goto(path);
    expect(response?.status(), path).toBe(404);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.getByRole('link', { name: 'board' }).first()).toHaveAttribute('href', '/');
  }
  expect((await page.request.get('/pkg/no-such-file.js')).status()).toBe(404);
});
