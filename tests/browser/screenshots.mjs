// screenshots.mjs JSON   {"gateway", "folder", "pages": {name: hash}, "readme": file}: a picture of each page, light, dark and
// at 400 px.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, until } from './browser.mjs';

const { gateway, folder, pages, readme } = JSON.parse(process.argv[2]);
mkdirSync(folder, { recursive: true });
for (const look of ['light', 'dark', 'narrow']) {
  const browser = await Browser.open({ gateway, look });
  const { page } = browser;
  for (const [name, hash] of Object.entries(pages)) {
    await browser.goto(hash);
    await until(
      'the figures',
      async () =>
        (await page.locator('.state.loading').count()) === 0 &&
        (await page.getByRole('button', { name: /^Live/ }).count()) === 1,
    );
    await page.waitForTimeout(name === 'overview' ? 6000 : 1500); // small charts need some figures
    await page.screenshot({
      path: join(folder, `${name}-${look}.png`),
      fullPage: look === 'narrow' || /^(queue|job)/.test(name),
    });
    if (name === 'overview' && look === 'light' && readme) await page.screenshot({ path: readme });
  }
  await browser.close();
}
