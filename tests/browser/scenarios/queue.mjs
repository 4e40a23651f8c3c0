// D3: a queue's page: figures, charts, tabs, pause and resume with a reason; emptying asks for the name.
import { check, until } from '../browser.mjs';

export default async function queue(browser, { queue }) {
  const { page } = browser;
  await browser.goto('#/queues/default.mail');
  await page.getByRole('heading', { level: 1, name: 'mail' }).waitFor();
  const failed = page.getByRole('navigation', { name: 'Jobs by state' }).getByRole('link', { name: /failed/ });
  await until('failed jobs', async () => /^[1-9]/.test(await failed.textContent()));
  await page.getByRole('img', { name: /^Jobs of default.mail that ended.*completed: now/ }).waitFor();
  await page.getByRole('img', { name: /^Lag of default.mail/ }).waitFor();
  const times = page.getByRole('table', { name: 'Times that jobs of default.mail waited and ran' });
  check(/ms|s/.test(await times.getByRole('row', { name: /^run / }).first().textContent()), 'how long jobs run');
  await page.getByRole('link', { name: 'RelayRefused' }).first().waitFor();
  await browser.sound('queue');
  await page.getByRole('button', { name: '15 min' }).click();
  await until('the window in the address', () => page.url().includes('window=15m'));
  await page.reload();
  await page.getByRole('button', { name: '15 min', pressed: true }).waitFor();

  for (const [tab, title] of [
    ['jobs', 'Jobs'],
    ['dead', 'Dead letters'],
    ['schedules', 'Schedules'],
    ['workers', 'Workers'],
    ['operations', 'Operations'],
  ]) {
    await page.getByRole('navigation', { name: 'Parts of default.mail' }).getByRole('link', { name: title }).click();
    await until(`the tab ${tab}`, () => page.url().endsWith(`#/queues/default.mail/${tab}`));
    await until(`the end of loading of ${tab}`, async () => (await page.locator('.state.loading').count()) === 0);
    await browser.sound(`queue, ${tab}`);
  }

  // Pause, with a reason, and go on.
  await browser.goto(`#/queues/default.${queue}`);
  await page.getByRole('button', { name: 'Pause…' }).click();
  await page.getByLabel('Reason').fill(`a test, ${browser.look}`);
  await browser.sound('pausing');
  await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByText(`default.${queue} is paused`).waitFor();
  await page
    .getByText(/Paused by anonymous/)
    .first()
    .waitFor();
  await page.getByText(`a test, ${browser.look}`).first().waitFor();
  await browser.sound('paused queue');
  await page.getByRole('button', { name: 'Resume…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Pause…' }).waitFor();

  // What destroys asks for the name, and Escape is a way out.
  await page.getByRole('button', { name: 'Empty…' }).click();
  const drop = page.getByRole('button', { name: 'Drop them all' });
  check(await drop.isDisabled(), 'emptying is not to be had without the name');
  await page.getByTestId('type-name').fill('default.other');
  check(await drop.isDisabled(), 'nor with another one');
  await page.getByTestId('type-name').fill(`default.${queue}`);
  check(await drop.isEnabled(), 'but with the right one');
  await browser.sound('emptying');
  await page.keyboard.press('Escape');
  await until('the dialog is gone', async () => (await page.getByRole('dialog').count()) === 0);
  await page.getByRole('button', { name: 'Clean…' }).click();
  await browser.sound('cleaning');
  await page.keyboard.press('Escape');
}
