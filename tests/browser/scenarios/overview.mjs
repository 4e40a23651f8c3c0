// D3: in ten seconds, what is wrong; and the page's own manners: links, keyboard, pause, colours.
import { check, until } from '../browser.mjs';

export default async function overview(browser) {
  const { page } = browser;
  await browser.goto();
  await page.getByRole('heading', { level: 1, name: /need(s)? attention/ }).waitFor();
  const attention = page.getByRole('region', { name: 'Needs attention' });
  await attention
    .getByText(/dead letters?$/)
    .first()
    .waitFor();
  await attention.getByText(/Paused by anonymous .*jobs wait meanwhile/).waitFor();
  await attention.getByText('the report database moves').waitFor(); // why, beside it
  await attention.getByText(/\d+ × RelayRefused 422/).waitFor(); // what most failures have in common
  await attention.getByText(/relay mx-old refused the mail from/).waitFor();

  // The chart of lag is there, with figures for those who do not see it.
  const chart = page.locator('.chart-plot').and(page.getByRole('img', { name: /^Lag of default\..*: now \d/ }));
  await chart.waitFor();
  check(/lag: now \d/.test(await chart.getAttribute('aria-label')), 'the chart says what the lag is now');
  check((await chart.locator('canvas').count()) === 1, 'the chart is drawn');
  await page.getByLabel('Queue whose lag is shown').selectOption('default.push');
  await page.locator('.chart-plot').and(page.getByRole('img', { name: /^Lag of default.push/ })).waitFor();
  check(page.url().includes('queue=default.push'), 'which chart is shown is in the address');

  // Trouble first.
  const rows = page.getByRole('table', { name: 'Queues' });
  const names = await rows.locator('.cell.name a').allTextContents();
  check(names.length === 8, `eight queues, not ${names}`);
  check(
    names.indexOf('archive') > names.indexOf('mail') && names.indexOf('archive') > names.indexOf('reports'),
    `queues in trouble come first: ${names}`,
  );

  await page.getByLabel('Filter queues by name').fill('pus');
  await until('the filter', async () => (await rows.locator('.cell.name a').count()) === 1);
  await browser.sound('overview, filtered');
  await page.getByLabel('Filter queues by name').fill('no such');
  await page.getByText('No queue has “no such” in its name').waitFor();
  await page.getByLabel('Filter queues by name').fill('');
  if (!browser.narrow) {
    await rows.getByRole('button', { name: 'Queue', exact: true }).click();
    await until(
      'the order by name',
      async () => (await rows.locator('.cell.name a').first().textContent()) === 'archive',
    );
    await rows.getByRole('button', { name: 'Queue', exact: true }).click();
  }

  // The keyboard.
  await page.locator('main').focus();
  await page.keyboard.press('j');
  await until('the focus on a row', () => page.evaluate(() => document.activeElement?.hasAttribute('data-row')));
  await page.keyboard.press('Enter');
  await page.getByRole('navigation', { name: /^Parts of/ }).waitFor();
  await page.goBack();
  await page.keyboard.press('?');
  await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
  await browser.sound('keyboard help');
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('d');
  await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('arch');
  await page.getByRole('option', { name: /default.archive/ }).waitFor();
  await browser.sound('finder');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'archive' }).waitFor();

  // Pause: nothing moves, and it says so.
  await page.keyboard.press('p');
  const live = page.getByRole('button', { name: /Paused at/ });
  await live.waitFor();
  let asked = 0;
  const count = (request) => (asked += request.url().includes('/v1/') ? 1 : 0);
  page.on('request', count);
  for (let look = 0; look < 2; look++) { // what had begun before may ask once more
    asked = 0;
    await page.waitForTimeout(2500); // longer than anything is asked for
    if (asked === 0) break;
  }
  check(asked === 0, `a paused page asks for nothing, not ${asked} times`);
  page.off('request', count);
  await browser.sound('paused');
  await live.click();
  await page.getByRole('button', { name: /^Live/ }).waitFor();

  // Colours.
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await background();
  await page.keyboard.press('t');
  if (browser.look === 'dark') await page.keyboard.press('t');
  await until('other colours', async () => (await background()) !== before);
  await page.keyboard.press('t');
  if (browser.look !== 'dark') await page.keyboard.press('t');
  await until('the first colours', async () => (await background()) === before);
  await browser.goto();
  await page.getByRole('heading', { level: 1, name: /need(s)? attention/ }).waitFor();
  await browser.sound('overview');
}
