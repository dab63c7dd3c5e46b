// The real `claude` CLI, driven by the real server through a whole workflow. Only the model is played: by a script behind
// a Messages API on loopback.

import { type Card, type Execution, type LogLine, expect, test } from '../fixtures/agents.ts';
import type { Cardume } from '../fixtures/server.ts';
import type { Answer, Turn } from './messages-api.ts';

/** One invocation of the CLI a stage, and one answer of the model a step. */
const stages: ((turn: Turn) => Answer[])[] = [
  function plan({ workingDirectory }) {
    const spec = '# Say goodbye\n\n- `goodbye.sh` prints “goodbye”.\n- README.md tells of it.\n';
    return [
      [{ text: 'I look at what is here.' }, { tool: 'Read', input: { file_path: `${workingDirectory}/README.md` } }],
      [{ tool: 'Write', input: { file_path: `${workingDirectory}/specs/say-goodbye.md`, content: spec } }],
      [{ text: 'The plan is in specs/say-goodbye.md.' }],
    ];
  },
  function implement({ workingDirectory }) {
    const [readme, script] = [`${workingDirectory}/README.md`, `${workingDirectory}/goodbye.sh`];
    return [
      [{ tool: 'Read', input: { file_path: readme } }],
      [{ tool: 'Edit', input: { file_path: readme, old_string: 'hello', new_string: 'hello and goodbye' } }],
      [{ tool: 'Write', input: { file_path: script, content: '#!/bin/sh\necho goodbye\n' } }],
      [{ text: 'Both files are written.' }],
    ];
  },
  function testing() {
    return [
      [{ text: 'I run it.' }, { tool: 'Bash', input: { command: 'sh goodbye.sh', description: 'Run the script' } }],
      [{ tool: 'Bash', input: { command: 'sh no-such-script.sh', description: 'Run what is not there' } }],
      [{ text: 'It says goodbye.\nCARDUME: pass' }],
    ];
  },
  function review() {
    return [
      [{ tool: 'Bash', input: { command: 'git log --oneline', description: 'See the commits' } }],
      [{ text: 'Small and right.\nCARDUME: pass' }],
    ];
  },
];

function wholeWorkflow(turn: Turn): Answer {
  return stages[turn.conversation]?.(turn)[turn.step] ?? [{ text: 'The script has no more answers.' }];
}

test('claude takes a card through plan, implement, test and review', async ({ startWith }) => {
  const { cardume, api } = await startWith(wholeWorkflow);
  const card = await cardume.addCard('Say goodbye', 'claude', 'A script that prints *goodbye*.');
  await cardume.run(card);
  const done = await settled(cardume, card);

  expect(done.activeExecution?.workflowError).toBeNull();
  expect(done).toMatchObject({ columnId: 'done', specPath: 'specs/say-goodbye.md' });
  expect(done.activeExecution).toMatchObject({ workflowStage: 'completed', status: 'success' });

  await test.step('the work is on the branch, and the project is untouched', () => {
    const branch = done.branch ?? '';
    const show = (path: string) => cardume.git('show', `${branch}:${path}`);
    expect(show('specs/say-goodbye.md')).toContain('# Say goodbye');
    expect(show('README.md')).toContain('hello and goodbye');
    expect(show('goodbye.sh')).toContain('echo goodbye');
    const commits = cardume.git('log', '--format=%s', `main..${branch}`).split('\n');
    expect(commits).toEqual(['implement: Say goodbye', 'plan: Say goodbye']);
    expect(cardume.git('status', '--porcelain')).toBe('');
    expect(cardume.git('rev-parse', '--abbrev-ref', 'HEAD')).toBe('main');
  });

  const executions = (await cardume.executions(card.id)).reverse();
  await test.step('each stage tells what it used', () => {
    expect(executions.map((execution) => execution.command)).toEqual(['/plan', '/implement', '/test', '/review']);
    const answers = [3, 4, 3, 2];
    executions.forEach((execution, stage) => {
      expect(execution).toMatchObject({ status: 'success', exitCode: 0, agent: 'claude', turns: answers[stage] });
      expect(execution.sessionId).toMatch(/^[0-9a-f-]{36}$/);
      expect(execution.model).toMatch(/^claude-/);
      expect(execution.inputTokens).toBe(100 * (answers[stage] ?? 0));
      expect(execution.outputTokens).toBe(20 * (answers[stage] ?? 0));
      expect(execution.costUsd).toBeGreaterThan(0);
    });
    expect(new Set(executions.map((execution) => execution.sessionId)).size).toBe(4);
    expect(executions[0]?.result).toBe('The plan is in specs/say-goodbye.md.');
  });

  await test.step('its output is in typed rows', async () => {
    const [plan, , testing] = await Promise.all(executions.map((execution) => rows(cardume, execution)));
    expect(plan).toContainEqual(['text', 'I look at what is here.']);
    expect(contents(plan, 'tool')).toEqual([
      expect.stringMatching(/^Read\b.*README\.md/),
      expect.stringMatching(/^Write\b.*specs\/say-goodbye\.md/),
    ]);
    expect(contents(plan, 'result').at(-1)).toBe('The plan is in specs/say-goodbye.md.');
    expect(contents(testing, 'tool')[0]).toContain('sh goodbye.sh');
    expect(contents(testing, 'result')[0]).toBe('goodbye');
    expect(contents(testing, 'error')[0]).toContain('no-such-script.sh');
  });

  await test.step('the model was asked what the card wants', () => {
    const prompts = api.turns.filter((turn) => turn.step === 0).map((turn) => JSON.stringify(turn.body.messages));
    expect(prompts).toHaveLength(4);
    for (const prompt of prompts) expect(prompt).toContain('A script that prints *goodbye*.');
    for (const prompt of prompts.slice(1)) expect(prompt).toContain('specs/say-goodbye.md');
  });
});

test('cardume run --agent claude --follow ends with the run, and with 0', async ({ startWith }) => {
  const { cardume } = await startWith(wholeWorkflow);
  const printed = await cardume.command(
    'run', '--project', cardume.repository, '--title', 'Say goodbye', '--agent', 'claude', '--follow',
  );
  const [id = '', ...lines] = printed.split('\n');
  expect(await cardume.card(id)).toMatchObject({ columnId: 'done', specPath: 'specs/say-goodbye.md' });
  for (const said of ['I look at what is here.', 'Both files are written.', 'I run it.', 'Small and right.']) {
    expect(lines.filter((line) => line.includes(said))).not.toHaveLength(0);
  }
  const branch = (await cardume.card(id)).branch ?? '';
  expect(cardume.git('log', '--format=%s', `main..${branch}`)).toContain('implement: Say goodbye');
});

test('a refusal of the API stands on the card in readable words, and a retry goes on', async ({ startWith }) => {
  let refuse = true;
  const { cardume } = await startWith((turn) => {
    const refusal = { status: 400, type: 'invalid_request_error', message: 'Your credit balance is too low to go on.' };
    if (turn.conversation === 1 && refuse) return refusal;
    // The refused conversation does not count.
    const conversation = turn.conversation > 1 ? turn.conversation - 1 : turn.conversation;
    return wholeWorkflow({ ...turn, conversation });
  });
  const card = await cardume.addCard('Say goodbye', 'claude');
  await cardume.run(card);
  const failed = await settled(cardume, card);

  expect(failed).toMatchObject({ columnId: 'implement', specPath: 'specs/say-goodbye.md' });
  expect(failed.activeExecution).toMatchObject({ command: '/implement', workflowStage: 'error', status: 'error' });
  expect(failed.activeExecution?.workflowError).toMatch(/credit balance is too low/i);
  expect(failed.activeExecution?.workflowError).not.toMatch(/[{}]|\bat \S+:\d+/);
  const [failedExecution] = await cardume.executions(card.id);
  expect(failedExecution?.model).not.toBe('<synthetic>');
  expect(contents(await rows(cardume, failedExecution), 'error').join('\n')).toMatch(/credit balance is too low/i);

  refuse = false;
  await cardume.call('POST', `/api/cards/${card.id}/retry`, {});
  expect(await settled(cardume, card)).toMatchObject({ columnId: 'done' });
});

test('a plan that claude only talks about is an error', async ({ startWith }) => {
  const { cardume } = await startWith(() => [{ text: 'I would write a plan, if I were to write one.' }]);
  const card = await cardume.addCard('Talk only', 'claude');
  await cardume.run(card);
  const failed = await settled(cardume, card);
  expect(failed).toMatchObject({ columnId: 'backlog', specPath: null });
  expect(failed.activeExecution).toMatchObject({ command: '/plan', workflowStage: 'error' });
  expect(failed.activeExecution?.workflowError).toMatch(/plan/i);
});

/** The card, once nothing runs on it any more. */
async function settled(cardume: Cardume, card: Card): Promise<Card> {
  const isRunning = async () => (await cardume.card(card.id)).activeExecution?.status === 'running';
  await expect.poll(isRunning, { timeout: 60_000 }).toBe(false);
  return cardume.card(card.id);
}

/** Type and content of each row. */
async function rows(cardume: Cardume, execution: Execution | undefined): Promise<[string, string][]> {
  if (!execution) throw new Error('there is no such execution');
  const log = await cardume.executionLog(execution.id);
  expect(log.logs.map((line: LogLine) => line.sequence)).toEqual(log.logs.map((_, index) => index + 1));
  return log.logs.map((line) => [line.type, line.content]);
}

const contents = (rows: [string, string][] | undefined, type: string) =>
  (rows ?? []).filter(([kind]) => kind === type).map(([, content]) => content);
