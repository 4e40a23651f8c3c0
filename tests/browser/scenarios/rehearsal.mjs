// D3, rehearsed: jobs begin to fail with one error. Through the page alone: find the cause, mend one payload, redrive the group
// with a limit, and see it drain.
import { check, until } from '../browser.mjs';

export default async function rehearsal(browser, { queue, dead }) {
  const { page } = browser;
  const name = `default.${queue}`;

  // The overview names the queue, and the cause beside the number.
  await browser.goto();
  const attention = page.getByRole('region', { name: 'Needs attention' });
  const trouble = attention.locator('article', { has: page.getByRole('link', { name: queue, exact: true }) });
  await trouble.getByText(/dead letters?$/).waitFor();
  const cause = trouble.getByRole('link', { name: /\d+ × RelayRefused 422/ });
  await cause.waitFor();
  await cause.click();

  // The group: how many, since when, and what was in such a job.
  const group = page.locator('.group', { hasText: 'RelayRefused 422' });
  await group.getByText(/relay mx-old refused the mail from/).waitFor();
  await until(`${dead} dead letters`, async () => (await group.locator('.group-count').textContent()) === String(dead));
  await group.getByText('Payload of one').click();
  await group.locator('.code', { hasText: '"relay": "mx-old"' }).waitFor();
  await browser.sound('a group of dead letters');

  // One of them, mended.
  await group.getByRole('link', { name: 'Edit this one and retry it' }).click();
  const payload = page.getByRole('dialog').getByLabel('Payload', { exact: true });
  await payload.waitFor();
  const mended = (await payload.inputValue()).replace('mx-old', 'mx-new');
  await payload.fill(mended);
  await page.getByText('relay becomes "mx-new"').waitFor();
  await browser.sound('edit and retry');
  await page.getByRole('button', { name: 'Retry with it' }).click();
  await page.locator('.page-title .badge', { hasText: 'completed' }).waitFor();
  await page.getByText('Run 2: retried by hand').waitFor();

  // It worked: all the others, not too fast.
  await browser.goto(`#/queues/${name}/dead`);
  await until('one less', async () => (await group.locator('.group-count').textContent()) === String(dead - 1));
  await group.getByRole('button', { name: 'Redrive…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByTestId('matched').waitFor();
  check((await dialog.getByTestId('matched').textContent()) === String(dead - 1), 'the dry run counts the group');
  await dialog.getByLabel('Jobs per second').fill('5');
  await dialog.getByText('Edit the payload of each first').click();
  const each = dialog.getByLabel(/what you change in it is changed in each/);
  await each.waitFor();
  await each.fill((await each.inputValue()).replace('mx-old', 'mx-new'));
  await dialog.getByText('relay becomes "mx-new"').waitFor();
  await dialog.getByLabel('Reason').fill('the old relay is gone');
  await browser.sound('redrive');
  await dialog.getByRole('button', { name: `Retry ${dead - 1} jobs` }).click();
  const operation = dialog.getByTestId('operation');
  await operation.waitFor();
  await browser.sound('an operation');
  await until('the end of the operation', async () => (await operation.getAttribute('data-state')) === 'completed');
  await operation.getByText(`${dead - 1} of ${dead - 1} done`).waitFor();
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();

  // Drained.
  await page.getByText('No dead letters', { exact: true }).waitFor();
  await page
    .getByRole('navigation', { name: `Parts of ${name}` })
    .getByRole('link', { name: 'Operations' })
    .click();
  await page.getByText('“the old relay is gone”').waitFor();
  await browser.sound('operations');
  await browser.goto();
  await until('the overview is calm about it', async () => (await trouble.getByText(/dead letters?$/).count()) === 0);
}
