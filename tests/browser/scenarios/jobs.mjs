// D3: a queue's jobs: by state, by text, by address; selected; as they come.
import { check, until } from '../browser.mjs';

export default async function jobs(browser, { quick }) {
  const { page, gateway } = browser;
  await browser.goto('#/queues/default.mail/jobs');
  const rows = page.getByRole('table', { name: 'Jobs' }).locator('.rows-body [role=row]');
  await rows.first().waitFor();
  await page.getByRole('button', { name: /^failed/ }).click();
  await until('only failed jobs', async () => {
    const states = await page.locator('.rows-body .badge').allTextContents();
    return states.length > 0 && states.every((state) => state === 'failed');
  });
  check(page.url().includes('state=failed'), 'the filter is in the address');
  await page.getByText(/With all failed jobs/).waitFor();
  await browser.sound('failed jobs');
  await page.getByLabel('Search in ids, types, errors and labels').fill('relayrefused');
  await until('the search in the address', () => page.url().includes('text=relayrefused'));
  await rows.first().waitFor();
  await page.getByLabel('Search in ids, types, errors and labels').fill('nothing has this');
  await page.getByText('No job fits').waitFor();
  await browser.sound('no job fits');
  await page.getByRole('button', { name: 'Show all jobs' }).click();
  await until('all again', async () => (await rows.count()) > 5);

  // What is in the payload, which only Kafka has.
  await page.getByText('More', { exact: true }).click();
  await page.getByLabel('In the payload').fill('payload-of-one');
  await page.getByText(/No job fits|None among the newest jobs/).waitFor();
  const sought = await fetch(`${gateway}/v1/queues/archive/jobs`, {
    method: 'POST',
    body: JSON.stringify({ payload: { note: `PAYLOAD-of-one ${browser.look}` } }),
  });
  const one = (await sought.json()).id;
  await fetch(`${gateway}/v1/jobs/${one}?wait=60s`); // such a list is read once
  await browser.goto(`#/queues/default.archive/jobs?payload=payload-of-one ${browser.look}`);
  await page.locator(`a[href="#/jobs/${one}"]`).waitFor();
  check((await rows.count()) === 1, 'only the job with this payload');
  check(await page.getByRole('button', { name: 'Delete all…' }).isDisabled(), 'payloads are no filter of a bulk operation');
  await browser.sound('jobs by payload');

  // A deep link is a filter.
  await browser.goto('#/queues/default.mail/jobs?state=failed&error=RelayRefused');
  await page.getByRole('button', { name: /^failed/, pressed: true }).waitFor();
  await rows.first().waitFor();

  // Selected ones.
  await rows.nth(0).getByRole('checkbox').check();
  await rows.nth(1).getByRole('checkbox').check();
  await page.getByText('2 selected').waitFor();
  await browser.sound('selected jobs');
  await page.getByRole('button', { name: 'none' }).click();

  // New ones come in by themselves.
  await browser.goto('#/queues/default.archive/jobs');
  await page.getByText('Loading').waitFor({ state: 'detached' });
  const answer = await fetch(`${gateway}/v1/queues/archive/jobs`, {
    method: 'POST',
    body: JSON.stringify({ type: `new-${browser.look}`, payload: {} }),
  });
  check(answer.status === 202, 'a new job is accepted');
  const { id } = await answer.json();
  await page.locator(`a[href="#/jobs/${id}"]`).waitFor();
  await until('its end', async () =>
    /completed/.test(
      await page.locator('.rows-body [role=row]', { has: page.locator(`a[href="#/jobs/${id}"]`) }).textContent(),
    ),
  );

  // Long lists are made of a few rows.
  await browser.goto(`#/queues/default.${quick}/jobs`);
  await rows.first().waitFor();
  await page.getByText(/^[\d,]+ jobs( so far)?/).waitFor();
  const count = await page.locator('.rows-body [role=row]').count();
  check(count < 80, `only what is on the screen is made, not ${count} rows`);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await until('the last row', async () => {
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    return (await page.getByText(/^2,0\d\d jobs$/).count()) === 1;
  });
  check((await page.locator('.rows-body [role=row]').count()) < 80, 'nor at the end of it');
  await browser.sound('a long list');
}
