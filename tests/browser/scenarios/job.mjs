// D3: one job: what happened, logs as they come, progress, payload, result; cancel, edit and resubmit, delete.
import { check, until } from '../browser.mjs';

export default async function job(browser, { failed, running, completed, retried }) {
  const { page, gateway } = browser;

  await browser.goto(`#/jobs/${failed}`);
  await page.locator('.banner').getByText('RelayRefused 422').waitFor();
  const timeline = page.locator('.timeline');
  await timeline.getByText(/Try 1 failed for good/).waitFor();
  await timeline.getByText(/relay mx-old refused/).waitFor();
  await page.getByRole('button', { name: 'Edit and retry…' }).waitFor();
  await browser.sound('a failed job');

  // Each try has its line.
  await browser.goto(`#/jobs/${retried}`);
  for (const line of [/Try 1 failed, is tried again/, /Try 2 failed, is tried again/, /Try 3 failed for good/])
    await timeline.getByText(line).waitFor();
  await browser.sound('a job with three tries');

  // A running one: progress, then what comes.
  await browser.goto(`#/jobs/${running}`);
  await page.getByRole('progressbar', { name: 'Progress' }).waitFor();
  await until(
    'its progress',
    async () => Number(await page.getByRole('progressbar', { name: 'Progress' }).getAttribute('aria-valuenow')) >= 90,
  );
  await page.getByText('page 40 of 40 · 97 %').waitFor();
  await page.getByText(/done (about|any moment)/).waitFor();
  await page.getByLabel('Log lines').getByText('rendered page 40').waitFor();
  await browser.sound('a running job');
  await page.getByRole('button', { name: 'Cancel…' }).click();
  await browser.sound('cancelling');
  await page.getByLabel('Reason').fill('not needed any more');
  await page.getByRole('button', { name: 'Cancel the job' }).click();
  await page.locator('.page-title .badge', { hasText: 'cancelled' }).waitFor();

  // One that is done: its result; the same again, edited.
  await browser.goto(`#/jobs/${completed}`);
  await page.locator('.code', { hasText: '"sent": true' }).waitFor();
  await browser.sound('a completed job');
  await page.getByRole('button', { name: 'Edit and resubmit…' }).click();
  const payload = page.getByLabel('Payload');
  check(/example.org/.test(await payload.inputValue()), 'the payload is there to be edited');
  await payload.fill('{"to": ');
  await page.getByText(/This is not JSON/).waitFor();
  check(await page.getByRole('button', { name: 'Submit it' }).isDisabled(), 'what is no JSON cannot be submitted');
  await payload.fill(`{"to": "new-${browser.look}@example.org"}`);
  await page.getByText(`to becomes "new-${browser.look}@example.org"`).waitFor();
  await browser.sound('editing');
  await page.getByRole('button', { name: 'Submit it' }).click();
  await until('the new job', () => !page.url().includes(completed));
  await page.locator('.page-title .badge', { hasText: 'completed' }).waitFor();
  const made = page.url().split('/jobs/')[1];

  // Deleting asks for the end of its id.
  await page.getByRole('button', { name: 'Delete…' }).click();
  const remove = page.getByRole('button', { name: 'Delete', exact: true });
  check(await remove.isDisabled(), 'nothing is deleted without a word');
  await page.getByTestId('type-name').fill(made.slice(-6));
  await remove.click();
  await until('it is gone', async () => (await fetch(`${gateway}/v1/jobs/${made}`)).status === 404);
  await browser.goto('#/jobs/00000000-nothing');
  await page.getByText('There is no job 00000000-nothing').waitFor();
  await browser.sound('no such job');
}
