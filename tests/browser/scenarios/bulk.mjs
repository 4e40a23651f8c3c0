// D3: many jobs at once: a dry run first, the name typed before what destroys, progress, and a way to stop.
import { check, until } from '../browser.mjs';

export default async function bulk(browser, { slow, running }) {
  const { page } = browser;
  const dialog = page.getByRole('dialog');
  const rows = page.locator('.rows-body [role=row]');

  // Two selected ones are cancelled.
  await browser.goto('#/queues/default.render/jobs?state=active');
  for (const id of running) await page.getByRole('checkbox', { name: `Select job ${id}` }).check();
  await page.getByRole('button', { name: 'Cancel…', exact: true }).click();
  await until('the dry run', async () => (await dialog.getByTestId('matched').textContent()) === '2');
  const cancel = dialog.getByRole('button', { name: 'Cancel 2 jobs' });
  check(await cancel.isDisabled(), 'nothing is cancelled without the name');
  await browser.sound('a bulk cancel');
  await dialog.getByTestId('type-name').fill('default.render');
  await cancel.click();
  const operation = dialog.getByTestId('operation');
  await until('its end', async () => (await operation.getAttribute('data-state')) === 'completed');
  await operation.getByText('2 of 2 done').waitFor();
  await page.keyboard.press('Escape');
  await browser.goto('#/queues/default.render/jobs?state=cancelled');
  for (const id of running) await page.getByRole('checkbox', { name: `Select job ${id}` }).waitFor();

  // A slow retry is stopped.
  await browser.goto('#/queues/default.mail/jobs?state=failed&error=Slow');
  await rows.first().waitFor();
  await page.getByRole('button', { name: 'Retry all…' }).click();
  await until('the dry run', async () => Number(await dialog.getByTestId('matched').textContent()) >= slow);
  await dialog.getByLabel('Jobs per second').fill('0.5');
  await dialog.getByRole('button', { name: /^Retry \d+ jobs/ }).click();
  await operation.waitFor();
  await dialog.getByRole('button', { name: 'Stop it' }).click();
  await until('that it stops', async () => (await operation.getAttribute('data-state')) === 'aborted');
  await dialog.getByText('aborted').waitFor();
  await browser.sound('a stopped operation');
  await page.keyboard.press('Escape');

  // Deleted, by their group.
  await browser.goto('#/queues/default.mail/dead?error=Slow');
  const group = page.locator('.group', { hasText: 'Slow' });
  await group.getByRole('button', { name: 'Delete…' }).click();
  await dialog.getByTestId('matched').waitFor();
  await dialog.getByTestId('type-name').fill('default.mail');
  await dialog.getByRole('button', { name: /^Delete \d+ jobs?/ }).click();
  await until('its end', async () => (await operation.getAttribute('data-state')) === 'completed');
  await page.keyboard.press('Escape');
  await until('the group is gone', async () => (await group.count()) === 0);
}
