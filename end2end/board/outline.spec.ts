// What each page is to a screen reader: its outline, roles, names and states.

import { expect, settles, test } from '../fixtures/board.ts';

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
