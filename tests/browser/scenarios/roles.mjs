// D3: the page asks for a token only when the gateway does, and offers no more than its roles allow.
import { check, until } from '../browser.mjs';

export default async function roles(browser, { viewer, operator, admin, job }) {
  const { page } = browser;
  await page.goto(`${browser.gateway}/#/queues/default.mail/jobs?state=failed`);
  await page.getByText('This gateway asks for a token').waitFor();
  await browser.sound('sign in');
  await page.getByLabel('Token').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('The gateway did not accept that token').waitFor();
  await page.getByLabel('Token').fill(viewer);
  await page.getByRole('button', { name: 'Sign in' }).click();
  // To where one wanted to go.
  await page.getByRole('heading', { level: 1, name: 'mail' }).waitFor();
  await page.locator('.rows-body [role=row]').first().waitFor();
  for (const action of ['Pause…', 'Empty…', 'Clean…', 'Retry all…', 'Delete all…']) {
    check(
      (await page.getByRole('button', { name: action }).count()) === 0,
      `one who may only view is not offered ${action}`,
    );
  }
  await browser.goto(`#/jobs/${job}`);
  await page.locator('.banner').getByText('RelayRefused 422').waitFor();
  check((await page.getByRole('button', { name: /Retry|Delete|Edit/ }).count()) === 0, 'nor anything on a job');
  check((await page.getByRole('link', { name: 'Audit trail' }).count()) === 0, 'nor the audit trail');
  await browser.sound('as a viewer');
  // Kept in this tab, and forgotten with it.
  await page.reload();
  await page.locator('.banner').getByText('RelayRefused 422').waitFor();
  check(
    (await page.evaluate(() => localStorage.length + document.cookie.length)) === 0,
    'no token in what outlives the tab',
  );

  const become = async (token) => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.banner').getByText('RelayRefused 422').waitFor();
  };
  await become(operator);
  await page.getByRole('button', { name: 'Retry…', exact: true }).waitFor();
  await browser.goto('#/queues/default.mail');
  await page.getByRole('button', { name: 'Pause…' }).waitFor();
  check(
    (await page.getByRole('button', { name: 'Empty…' }).count()) === 0,
    'an operator is not offered to empty a queue',
  );
  await browser.goto(`#/jobs/${job}`);
  await become(admin);
  await page.getByRole('link', { name: 'Audit trail' }).waitFor();
  await browser.goto('#/queues/default.mail');
  await page.getByRole('button', { name: 'Empty…' }).waitFor();
  await until('no complaint', () => browser.complaints.length === 0);
}
