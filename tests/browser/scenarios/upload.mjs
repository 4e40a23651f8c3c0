// D4: a file is uploaded; <drover-progress> shows how far it is and when it will be done; then the result, or the error.
import { check, until } from '../browser.mjs';

export default async function upload(browser, { text, picture }) {
  const { page } = browser;
  await page.goto(browser.gateway);
  const uploads = page.getByRole('region', { name: 'Uploads' }).locator('article');
  const send = async (name, buffer) => {
    await page.getByLabel('Text').setInputFiles({ name, mimeType: 'application/octet-stream', buffer });
    await page.getByRole('button', { name: 'Upload' }).click();
    await uploads.filter({ hasText: name }).locator('drover-progress').waitFor({ state: 'attached' });
  };

  await send('long.txt', Buffer.from(text.repeat(1200)));
  const bar = uploads.first().getByRole('progressbar', { name: 'Progress of long.txt' });
  await until('progress', async () => Number(await bar.getAttribute('aria-valuenow')) > 0);
  await until('when it will be done', async () =>
    /about \d+ (s|min) left/.test(await bar.getAttribute('aria-valuetext')),
  );
  await browser.sound('an upload');
  await uploads
    .first()
    .getByText(`${text.trim().split(/\s+/).length * 1200} words in 1200 lines`)
    .waitFor();
  check((await bar.getAttribute('aria-valuenow')) === '100', 'the bar is full');
  await uploads.first().getByText('Done').waitFor();

  await send('picture.png', Buffer.from(picture, 'base64'));
  await uploads.first().getByText('It could not be read: this is not a text').waitFor();
  await browser.sound('a failed upload');

  // Only what was uploaded here can be followed through it.
  const stranger = await page.request.get(`${browser.gateway}/v1/jobs/00000000-0000-7000-8000-000000000000`);
  check(stranger.status() === 404, 'jobs of others are not to be seen');

  // It says what is wrong where there is no such job, and where nobody answers; and follows another job when it is told to.
  await page.evaluate(() => {
    const lost = document.createElement('drover-progress');
    lost.id = 'lost';
    lost.setAttribute('job', 'no-such-job');
    document.querySelector('main').append(lost);
  });
  await page.locator('#lost').getByText('There is no such job').waitFor();
  const done = await page.evaluate(() =>
    document.querySelector('article:last-child drover-progress').getAttribute('job'),
  );
  await page.evaluate((id) => document.getElementById('lost').setAttribute('job', id), done);
  await page.locator('#lost').getByText('Done').waitFor();
}
