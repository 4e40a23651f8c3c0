// D3: schedules are made, changed, paused and deleted.
import { check, until } from '../browser.mjs';

export default async function schedules(browser) {
  const { page, gateway } = browser;
  const name = `nightly-${browser.look}`;
  const found = async () => (await fetch(`${gateway}/v1/queues/archive/schedules/${name}`)).json();
  await browser.goto('#/schedules');
  await page.getByRole('heading', { level: 1, name: 'Schedules' }).waitFor();
  await page.locator('.page-title select').selectOption('default.archive');
  await page.getByRole('button', { name: 'New schedule…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Cron').fill('not cron');
  await dialog.getByLabel('Time zone').fill('Europe/Berlin');
  await dialog.getByLabel('Job, as it is submitted').fill('{"type": "nightly", "payload": {"all": true}}');
  await browser.sound('a new schedule');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('alert').waitFor(); // the gateway says what is wrong with it, and nothing is lost
  await dialog.getByLabel('Cron').fill('0 3 * * *');
  await dialog.getByRole('button', { name: 'Save' }).click();
  const row = page
    .getByRole('row')
    .filter({ hasText: name })
    .or(page.locator('tr', { hasText: name }))
    .first();
  await row.waitFor();
  await until('its next run', async () => /in \d/.test(await row.textContent()));
  const made = await found();
  check(
    made.cron === '0 3 * * *' && made.timeZone === 'Europe/Berlin' && made.job.type === 'nightly',
    `it is what was said: ${JSON.stringify(made)}`,
  );

  await row.getByRole('button', { name: 'Pause' }).click();
  await row.getByText('paused').waitFor();
  await browser.sound('schedules');
  check((await found()).paused === true, 'it is paused');
  await row.getByRole('button', { name: 'Resume' }).click();
  await until('it goes on', async () => (await found()).paused === false);
  await row.getByRole('button', { name: 'Edit…' }).click();
  await dialog.getByLabel('Cron').fill('30 4 * * 1');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await until('the change', async () => (await found()).cron === '30 4 * * 1');
  check((await found()).job.payload.all === true, 'its job stays');

  await row.getByRole('button', { name: 'Delete…' }).click();
  const remove = dialog.getByRole('button', { name: 'Delete', exact: true });
  check(await remove.isDisabled(), 'deleting asks for the name');
  await page.getByTestId('type-name').fill(name);
  await remove.click();
  await until('it is gone', async () => (await fetch(`${gateway}/v1/queues/archive/schedules/${name}`)).status === 404);
}
