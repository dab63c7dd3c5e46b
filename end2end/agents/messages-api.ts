// A Messages API on loopback that plays a script, so that the real `claude` CLI can be driven without a model.
//
// It answers `POST /v1/messages` (as server-sent events, or as JSON where the caller does not stream) and
// `POST /v1/messages/count_tokens`, and nothing else. It knows no model and judges nothing: the script decides.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A piece of an answer: words, or the use of a tool. */
export type Block = { text: string } | { tool: string; input: Record<string, unknown> };

/** What the API answers: blocks, or an error with its HTTP status. */
export type Answer = Block[] | { status: number; type: string; message: string };

/** What the script is told of a request. */
export interface Turn {
  /** 0 for the first conversation that the API saw, 1 for the second, … Each invocation of the CLI is one. */
  conversation: number;
  /** How many answers this conversation has had so far. */
  step: number;
  /** The folder that the CLI works in, as it tells the model. */
  workingDirectory: string;
  /** The whole request, for assertions. */
  body: MessagesRequest;
}

export interface MessagesRequest {
  model: string;
  stream?: boolean;
  metadata?: { user_id?: string };
  system?: unknown;
  messages: { role: string; content: unknown }[];
  tools?: { name: string }[];
}

export type Script = (turn: Turn) => Answer;

export class MessagesApi {
  /** Every request that was a turn of the script. */
  readonly turns: Turn[] = [];
  readonly #server: Server;
  readonly #sessions: string[] = [];

  private constructor(script: Script) {
    this.#server = createServer((request, response) => {
      this.#answer(script, request, response).catch((error: unknown) => {
        sendError(response, { status: 500, type: 'api_error', message: String(error) });
      });
    });
  }

  static async start(script: Script): Promise<MessagesApi> {
    const api = new MessagesApi(script);
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What the CLI needs in its environment to talk to this API, and to nothing else. */
  get environment(): Record<string, string> {
    return {
      ANTHROPIC_BASE_URL: this.url,
      ANTHROPIC_API_KEY: 'dummy',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(script: Script, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', this.url).pathname;
    if (request.method !== 'POST') {
      // The CLI looks whether somebody is there before it starts.
      response.writeHead(path === '/' ? 200 : 404).end();
      return;
    }
    const body = JSON.parse(await read(request)) as MessagesRequest;
    if (path === '/v1/messages/count_tokens') {
      sendJson(response, 200, { input_tokens: 100 });
    } else if (path !== '/v1/messages') {
      sendError(response, { status: 404, type: 'not_found_error', message: `no ${path} here` });
    } else if (!body.tools?.length) {
      // A side question of the CLI's (a title, a topic): no part of the work.
      send(response, body, [{ text: 'Cardume' }]);
    } else {
      const turn = this.#turn(body);
      this.turns.push(turn);
      const answer = script(turn);
      if (Array.isArray(answer)) send(response, body, answer);
      else sendError(response, answer);
    }
  }

  #turn(body: MessagesRequest): Turn {
    // Each invocation of the CLI has a session of its own, and names it in every request.
    const session = /session_id\W+([0-9a-f-]{36})/.exec(body.metadata?.user_id ?? '')?.[1] ?? '';
    let conversation = this.#sessions.indexOf(session);
    if (conversation < 0) conversation = this.#sessions.push(session) - 1;
    const step = body.messages.filter((message) => message.role === 'assistant').length;
    const told = /[Ww]orking directory:\s*([^\n"\\]+)/.exec(JSON.stringify([body.system, body.messages]));
    return { conversation, step, workingDirectory: told?.[1]?.trim() ?? '', body };
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

let made = 0;
const nextId = (prefix: string) => `${prefix}_cardume${String(++made).padStart(6, '0')}`;

function message(body: MessagesRequest, blocks: Block[]) {
  const content = blocks.map((block) =>
    'text' in block
      ? { type: 'text', text: block.text }
      : { type: 'tool_use', id: nextId('toolu'), name: block.tool, input: block.input },
  );
  return {
    id: nextId('msg'),
    type: 'message',
    role: 'assistant',
    model: body.model,
    content,
    stop_reason: content.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 100, output_tokens: 20, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
  };
}

function send(response: ServerResponse, body: MessagesRequest, blocks: Block[]): void {
  const whole = message(body, blocks);
  if (!body.stream) return sendJson(response, 200, whole);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const event = (data: { type: string } & Record<string, unknown>) =>
    response.write(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
  const usage = { ...whole.usage, output_tokens: 1 };
  event({ type: 'message_start', message: { ...whole, content: [], stop_reason: null, usage } });
  whole.content.forEach((block, index) => {
    const empty = block.type === 'text' ? { ...block, text: '' } : { ...block, input: {} };
    const delta =
      block.type === 'text'
        ? { type: 'text_delta', text: block.text }
        : { type: 'input_json_delta', partial_json: JSON.stringify(block.input) };
    event({ type: 'content_block_start', index, content_block: empty });
    event({ type: 'content_block_delta', index, delta });
    event({ type: 'content_block_stop', index });
  });
  const delta = { stop_reason: whole.stop_reason, stop_sequence: null };
  event({ type: 'message_delta', delta, usage: { output_tokens: whole.usage.output_tokens } });
  event({ type: 'message_stop' });
  response.end();
}

function sendError(response: ServerResponse, error: { status: number; type: string; message: string }): void {
  sendJson(response, error.status, { type: 'error', error: { type: error.type, message: error.message } });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
