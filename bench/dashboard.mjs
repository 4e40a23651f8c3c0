// dashboard.mjs JSON   {"gateway", "list", "seconds"}: how many tasks of more than 50 ms the page has in a minute, while an
// overview and a long list are updated, and scrolled. Prints JSON.
import { Browser, until } from '../tests/browser/browser.mjs';

const { gateway, list, jobs, seconds } = JSON.parse(process.argv[2]);
const browser = await Browser.open({ gateway });
const { page } = browser;
await page.addInitScript(() => {
  globalThis.longTasks = [];
  new PerformanceObserver((found) =>
    globalThis.longTasks.push(...found.getEntries().map((each) => Math.round(each.duration))),
  ).observe({ type: 'longtask' });
});

async function measure(act) {
  await page.evaluate(() => (globalThis.longTasks.length = 0));
  const begin = Date.now();
  while (Date.now() - begin < 1000 * seconds) await act();
  const tasks = await page.evaluate(() => globalThis.longTasks);
  const minutes = (Date.now() - begin) / 60_000;
  return { longTasksAMinute: +(tasks.length / minutes).toFixed(1), longest: Math.max(0, ...tasks) };
}

const pause = (ms) => page.waitForTimeout(ms);
await browser.goto();
await page.getByRole('table', { name: 'Queues' }).waitFor();
await pause(5000); // the program is compiled by then
const figures = {
  queues: await page
    .getByText(/^\d+ queues/)
    .first()
    .textContent(),
};
const told = () => console.error(JSON.stringify(figures));
figures.overview = await measure(() => pause(500));
figures.overviewScrolled = await measure(async () => {
  await page.mouse.wheel(0, Math.random() < 0.5 ? 900 : -900);
  await pause(100);
});
await browser.goto(list);
await page.locator('.rows-body [role=row]').first().waitFor();
await until(
  'all jobs',
  async () => {
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await pause(100);
    const text = await page.locator('.list-end').textContent();
    figures.rows = text;
    return Number(text.replace(/[^\d]/g, '')) >= jobs;
  },
  300,
);
told();
figures.list = await measure(() => pause(500));
figures.listScrolled = await measure(async () => {
  await page.mouse.wheel(0, Math.random() < 0.5 ? 2500 : -2500);
  await pause(100);
});
console.log(JSON.stringify(figures, null, 2));
await browser.close();
