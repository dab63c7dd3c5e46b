// What each page is to a screen reader: its outline, roles, names and states.

import { column, expect, settles, test } from '../fixtures/board.ts';

test('the outline of the board', async ({ cardume, page, open }) => {
  await cardume.addCard('Order seeds', 'quick');
  const failed = await cardume.addCard('Catch the mole', 'quick', 'fail in test');
  const done = await cardume.addCard('Sharpen the tools', 'quick');
  for (const card of [done, failed]) await cardume.run(card);
  await settles(cardume, done, 'done');
  await settles(cardume, failed, 'test');
  await open(page);
  await expect(page.locator('body')).toMatchAriaSnapshot(`
    - link "Skip to content"
    - banner:
      - link "Cardume"
      - paragraph: 1 failed
      - button "Projects"
      - button "New card"
    - main:
      - heading "Board" [level=1]
      - search:
        - searchbox "Search cards"
        - combobox "Stage"
      - group "Columns":
        - region "Backlog":
          - heading "Backlog" [level=2]
          - list:
            - listitem:
              - heading "Order seeds" [level=3]:
                - link "Order seeds"
              - button "Move"
              - paragraph: quick
              - button "Run"
        - region "Plan":
          - heading "Plan" [level=2]
        - region "Implement":
          - heading "Implement" [level=2]
        - region "Test":
          - heading "Test" [level=2]
          - list:
            - listitem:
              - heading "Catch the mole" [level=3]:
                - link "Catch the mole"
              - button "Move"
              - text: Test failed
              - img "Stage 3 of 4, test, stopped"
              - paragraph: The card asked me to fail in test, so I do.
              - paragraph: quick
              - button "Retry"
        - region "Review":
          - heading "Review" [level=2]
        - region "Done":
          - heading "Done" [level=2]
          - list:
            - listitem:
              - heading "Sharpen the tools" [level=3]:
                - link "Sharpen the tools"
              - button "Move"
              - text: Completed
              - img "All four stages done"
              - paragraph: /^[0-9,]+ tokens$/
              - paragraph: quick
  `);
});

test('the outline of the dialog that makes a card', async ({ page, open }) => {
  await open(page);
  await page.getByRole('button', { name: 'New card' }).click();
  await expect(page.getByRole('dialog')).toMatchAriaSnapshot(`
    - dialog "New card":
      - heading "New card" [level=2]
      - button "Close"
      - textbox "Title"
      - textbox "Description"
      - combobox "Project":
        - option "Garden" [selected]
      - combobox "Agent"
      - button "Create"
      - button "Create and run"
  `);
});

test('the outline of a card’s page', async ({ cardume, page, open }) => {
  const card = await cardume.addCard('Catch the mole', 'quick', 'fail in test');
  await cardume.run(card);
  await settles(cardume, card, 'test');
  await open(page, `/cards/${card.id}`);
  await expect(page.locator('body')).toMatchAriaSnapshot(`
    - link "Skip to content"
    - banner:
      - link "Cardume"
      - link "Board"
    - main:
      - heading "Catch the mole" [level=1]
      - status: Test failed
      - button "Retry"
      - group: Start again from…
      - button "Edit"
      - button "Delete"
      - paragraph: The card asked me to fail in test, so I do.
      - region "Stages":
        - heading "Stages" [level=2]
        - list:
          - listitem:
            - heading "Plan" [level=3]
            - paragraph: /done/
            - list:
              - listitem:
                - 'link "Log of Plan, attempt #1, done"'
          - listitem:
            - heading "Implement" [level=3]
            - paragraph: /done/
            - list:
              - listitem:
                - 'link "Log of Implement, attempt #1, done"'
          - listitem:
            - heading "Test" [level=3]
            - paragraph: /failed/
            - list:
              - listitem:
                - 'link "Log of Test, attempt #1, failed"'
          - listitem:
            - heading "Review" [level=3]
            - paragraph: not started
      - region "Log of Test":
        - heading "Log of Test" [level=2]
        - paragraph: /complete, \\d+ lines/
        - log "Log of Test":
          - list
      - complementary "About this card":
        - group:
          - heading "Description" [level=2]
          - region "Description":
            - paragraph: fail in test
        - group:
          - heading "Spec" [level=2]
          - region "Spec"
  `);
});

test('the outlines of what opens over the board', async ({ cardume, page, open }) => {
  const done = await cardume.addCard('Sharpen the tools', 'quick');
  await cardume.run(done);
  await settles(cardume, done, 'done');
  await cardume.call('PATCH', `/api/cards/${done.id}`, { archived: true });
  await cardume.addCard('Order seeds', 'quick');
  await open(page);
  const dialog = page.getByRole('dialog');

  await page.keyboard.press('Control+k');
  await expect(dialog).toMatchAriaSnapshot(`
    - dialog "Search and commands":
      - heading "Search and commands" [level=2]
      - button "Close"
      - combobox "A command, a card, a project, or words from a log" [expanded]
      - listbox "Results":
        - option "New card n command" [selected]
        - option "To the board command"
        - option "Usage command"
        - option "Archived cards command"
        - option "Keyboard shortcuts ? command"
        - option "Order seeds Backlog card"
        - option /Garden .* project/
      - status: Two letters or more also search the logs of all runs.
  `);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  await page.keyboard.press('?');
  await expect(dialog).toMatchAriaSnapshot(`
    - dialog "Keyboard shortcuts":
      - heading "Keyboard shortcuts" [level=2]
      - button "Close"
      - heading "Everywhere" [level=3]
      - term: Ctrl K
      - definition: Search and commands
      - heading "Board" [level=3]
      - term: "n"
      - definition: New card
      - heading "Log" [level=3]
      - term: /
      - definition: Search this log
  `);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  await page.getByRole('button', { name: 'Projects' }).click();
  await expect(dialog).toMatchAriaSnapshot(`
    - dialog "Projects":
      - heading "Projects" [level=2]
      - button "Close"
      - list:
        - listitem:
          - heading "Garden" [level=3]
          - paragraph: /repository/
          - button "Change path"
          - checkbox "Mask secrets in logs" [checked]
          - button "Remove project"
      - textbox "Path of the repository"
      - button "Add this project"
  `);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  await page.getByRole('button', { name: 'Archived cards' }).click();
  await expect(dialog).toMatchAriaSnapshot(`
    - dialog "Archived cards":
      - heading "Archived cards" [level=2]
      - button "Close"
      - list:
        - listitem:
          - link "Sharpen the tools"
          - time
          - button "Restore"
      - button "Archive all that is completed" [disabled]
  `);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  await column(page, 'backlog').locator('.column__count').click();
  await expect(column(page, 'backlog')).toMatchAriaSnapshot(`
    - region "Backlog":
      - heading "Backlog" [level=2]
      - group:
        - text: /1 card/
        - spinbutton "At most so many cards"
        - button "Set limit"
        - button "No limit" [disabled]
      - button "Collapse column"
      - list
  `);
});

test('the outlines of usage and of what is not there', async ({ cardume, complaints, page, open }) => {
  complaints.tolerate(/^error: Failed to load resource: the server responded with a status of 404/);
  const done = await cardume.addCard('Sharpen the tools', 'quick');
  await cardume.run(done);
  await settles(cardume, done, 'done');
  await open(page, '/usage');
  await expect(page.getByRole('main')).toMatchAriaSnapshot(`
    - main:
      - heading "Usage" [level=1]
      - navigation "Period":
        - list:
          - listitem:
            - link "7 days"
          - listitem:
            - link "30 days"
          - listitem:
            - link "90 days"
      - term: Time
      - term: Cost
      - term: Tokens read
      - term: Tokens written
      - term: Attempts at stages
      - definition: "4"
      - heading "Time by day" [level=2]
      - img /Time by day, 30 days/
      - group: The days in numbers
      - heading "Time by stage" [level=2]
      - img /Time by stage. Plan/
      - region "Usage by stage":
        - table:
          - rowgroup:
            - row:
              - columnheader "Stage"
              - columnheader "Time"
              - columnheader "Cost"
          - rowgroup:
            - row /^Plan/
            - row /^Implement/
            - row /^Test/
            - row /^Review/
      - heading "Time by project" [level=2]
      - region "Usage by project"
      - heading "Time by card" [level=2]
      - region "Usage by card":
        - table:
          - rowgroup
          - rowgroup:
            - row:
              - rowheader "Sharpen the tools":
                - link "Sharpen the tools"
  `);
  await open(page, '/nowhere');
  await expect(page.getByRole('main')).toMatchAriaSnapshot(`
    - main:
      - heading "Cardume" [level=1]
      - region "There is no such page":
        - heading "There is no such page" [level=2]
        - paragraph
        - paragraph:
          - link "To the board"
  `);
});
