// dashboard.mjs JSON   {"gateway", "list", "jobs", "seconds"}: how many tasks of more than 50 ms the page has in a minute, while
// an overview and a long list are updated, and scrolled, and how many an empty page has meanwhile, which is what the machine
// adds. Prints JSON.
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
const scrolledBy = (pixels) => async () => {
  await page.mouse.wheel(0, Math.random() < 0.5 ? pixels : -pixels);
  await pause(100);
};
const figures = {};
const told = () => console.error(JSON.stringify(figures));
await page.goto('data:text/html,<title>empty</title><body style="height:400000px">');
figures.empty = await measure(() => pause(500));
figures.emptyScrolled = await measure(scrolledBy(2500));
await browser.goto();
await page.getByRole('table', { name: 'Queues' }).waitFor();
await pause(5000); // the program is compiled by then
figures.queues = await page
  .getByText(/^\d+ queues/)
  .first()
  .textContent();
figures.overview = await measure(() => pause(500));
figures.overviewScrolled = await measure(scrolledBy(900));
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
figures.listScrolled = await measure(scrolledBy(2500));
console.log(JSON.stringify(figures, null, 2));
await browser.close();
