// D3: workers and what each has in hand; who did what; addresses that are none.
import { until } from '../browser.mjs';

export default async function watch(browser, { running }) {
  const { page } = browser;
  await browser.goto('#/workers');
  const worker = page.locator('.worker', { hasText: /render-\d/ }).first();
  await worker.waitFor();
  await worker.getByText(/\d jobs? in hand/).waitFor();
  await browser.sound('workers');
  await worker.locator(`a[href="#/jobs/${running}"]`).click();
  await page.getByRole('heading', { level: 1, name: new RegExp(running) }).waitFor();

  await browser.goto('#/audit');
  await page.getByText('paused the queue').first().waitFor();
  await page.getByText('the report database moves').first().waitFor();
  await browser.sound('audit trail');
  await page.getByLabel('Filter entries').fill('report database');
  await until('the filter', async () => (await page.locator('tbody tr').count()) === 1);

  await browser.goto('#/no/such/page');
  await page.getByText('There is no such page').waitFor();
  await browser.sound('no such page');
  await browser.goto('#/queues/default.none');
  await page.getByText('There is no queue default.none').waitFor();
}
