// run.mjs JSON   runs one scenario: {"scenario", "gateway", "look", …what it needs}. Prints what is wrong and ends with 1.
import { Browser, Failed } from './browser.mjs';

const task = JSON.parse(process.argv[2]);
const { default: scenario } = await import(`./scenarios/${task.scenario}.mjs`);
const browser = await Browser.open(task);
let code = 0;
try {
  await scenario(browser, task);
} catch (error) {
  code = 1;
  console.error(error instanceof Failed ? error.message : error.stack);
  console.error(`at ${browser.page.url()}`);
  if (task.picture) {
    await browser.page.screenshot({ path: task.picture }).then(
      () => console.error(`what was to be seen: ${task.picture}`),
      () => {}, // the browser itself is gone; the error above says so
    );
  }
} finally {
  await browser.close();
}
process.exit(code);
