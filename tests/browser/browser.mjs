// Debian's Chromium, driven by playwright-core: what the scenarios share.
import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export class Failed extends Error {}

export function check(holds, what) {
  if (!holds) throw new Failed(what);
}

/** Waits for the thing itself; the limit only ends what is broken. */
export async function until(what, condition, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Failed(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export class Browser {
  /** `look`: light, dark or narrow. */
  static async open({ gateway, look = 'light', width, height }) {
    const profile = mkdtempSync(join(tmpdir(), 'drover-browser-'));
    const narrow = look === 'narrow';
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      headless: true,
      args: FLAGS,
      colorScheme: look === 'dark' ? 'dark' : 'light',
      viewport: { width: width ?? (narrow ? 400 : 1360), height: height ?? (narrow ? 800 : 900) },
      reducedMotion: 'reduce',
      timezoneId: 'UTC',
    });
    context.setDefaultTimeout(Number(process.env.PATIENCE ?? 60) * 1000);
    const page = context.pages()[0] ?? (await context.newPage());
    return new Browser(context, page, gateway, profile, look);
  }

  constructor(context, page, gateway, profile, look) {
    Object.assign(this, { context, page, gateway, profile, look });
    this.complaints = [];
    page.on('pageerror', (error) => this.complaints.push(`error in the page: ${error.message}`));
    page.on('console', (message) => {
      // What a status of the API means is the page's business to tell, and so the tests'.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        this.complaints.push(`console: ${message.text()}`);
    });
  }

  get narrow() {
    return this.look === 'narrow';
  }

  async goto(hash = '') {
    // The same document with another hash is no new one: what a link does.
    await this.page.goto(`${this.gateway}/${hash}`);
    await this.page.locator('main').waitFor();
  }

  /** No serious fault by axe, nothing wider than the screen, no error in the page. */
  async sound(where) {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const serious = found.violations.filter((each) => each.impact === 'serious' || each.impact === 'critical');
    const told = serious.map(
      (each) =>
        `${each.id}: ${each.help}\n${each.nodes
          .slice(0, 3)
          .map((node) => `    ${node.html.slice(0, 200)}\n    ${node.failureSummary?.split('\n')[1] ?? ''}`)
          .join('\n')}`,
    );
    check(serious.length === 0, `${where}, ${this.look}: axe finds\n${told.join('\n')}`);
    const over = await this.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    check(over <= 0, `${where}, ${this.look}: the page is ${over} px wider than the screen`);
    check(this.complaints.length === 0, `${where}: ${this.complaints.join('\n')}`);
  }

  async close() {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}
