// D3: the gateway goes away, and comes back: the page says so, keeps what it has, and goes on by itself. No queues: what to do.
import { check } from '../browser.mjs';

export default async function away(browser, { stop, start }) {
  const { page } = browser;
  const tell = async (path) => check((await fetch(path, { method: 'POST' })).ok, `${path} is heard`);
  await browser.goto();
  await page.getByText('There are no queues yet').waitFor();
  await page.getByText('drover run -f queue.yaml').waitFor();
  await browser.sound('no queues');
  await browser.goto('#/dead');
  await page.getByText('No dead letters').waitFor();
  await browser.goto('#/workers');
  await page.getByText('Nobody at work').waitFor();
  await browser.goto('#/audit');
  await page.getByText('Nobody has changed anything yet').waitFor();
  await browser.sound('nothing in the audit trail');
  await browser.goto('#/');
  await page.getByText('There are no queues yet').waitFor();
  await tell(stop);
  await page.getByText('Not live.').waitFor();
  await page.getByRole('button', { name: /Not live/ }).waitFor();
  await browser.sound('without a gateway');
  await tell(start);
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  check((await page.getByText('Not live.').count()) === 0, 'the banner goes');
}
