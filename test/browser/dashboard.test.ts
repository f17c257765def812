import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type Board, queueNames, startBoard } from './board.ts';

const executablePath = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
].find((path) => path !== undefined && existsSync(path));

/** Without them the browser itself talks to the network. */
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const control = 'button, [role=button], [role=menuitem], [role=menuitemradio], input[type=submit]';

/** Words on a button that would change a queue or a job. */
const mutating =
  /\b(pause|resume|retry|promote|clean|empty|obliterate|remove|delete|duplicate|add|edit|update|limit|concurrency)\b/i;

describe('dashboard in a browser', () => {
  let board: Board;
  let browser: Browser;
  let page: Page;
  const requests: string[] = [];
  const complaints: string[] = [];

  before(async function () {
    if (executablePath === undefined) {
      console.log('    no Chromium here (Debian: apt install chromium; or set CHROMIUM): skipped');
      this.skip();
    }
    board = await startBoard();
    browser = await chromium.launch({ executablePath, args });
    page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
    page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  after(async () => {
    await browser?.close();
    await board?.close();
  });

  const open = async (path: string, text: string): Promise<void> => {
    await page.goto(new URL(path, board.dashboard.url).href);
    await page.getByText(text, { exact: true }).first().waitFor();
  };
  const picture = async (name: string): Promise<void> => {
    const folder = process.env.PHASEBOX_SCREENSHOTS;
    if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) });
  };

  it('lists all queues, with what waits, is done and failed', async () => {
    await open('', '1 Job');
    expect(await page.title()).to.equal('phasebox');
    const links = await page.locator('aside a, nav a').allTextContents();
    for (const name of queueNames) {
      expect(links, 'in the menu').to.include(name);
      expect(await page.getByRole('link', { name, exact: true }).count(), `${name}: menu and card`).to.equal(2);
    }
    const counts = await page.locator('a', { hasText: /^(waiting|completed|failed)\d/i }).allTextContents();
    expect(counts.map((text) => text.toLowerCase())).to.include.members(['waiting1', 'completed7', 'failed1']);
    await picture('dashboard');
  });

  it('shows the jobs of a run completed, under its name, with the log', async () => {
    for (const name of ['train', 'quantize', 'cleanup', 'eval', 'results']) {
      await open(`queue/${name}?status=completed`, `43a-s0-${name}-a1`);
      expect(await page.getByText('43a-s0', { exact: true }).count(), name).to.be.above(0);
    }
    await open('queue/train/43a-s0-train-a1', '43a-s0-train-a1');
    await page.getByText('Logs', { exact: true }).click();
    await page.getByText('val loss 0.696').first().waitFor();
    await picture('job-log');
  });

  it('shows a failed attempt with its code and the end of its log', async () => {
    await open('queue/fuse?status=failed', '43a-s0-fuse-a1');
    await page.getByText('GPU_FAULT: The GPU timed out or was reset').first().waitFor();
    await page.getByText('Command buffer execution failed').first().waitFor();
    await picture('failed');
  });

  it('has no button that changes anything: none says so, and none sends anything', async () => {
    const pages: [string, string][] = [
      ['', '1 Job'],
      ['queue/runs?status=waiting', 'go-43b-s0'],
      ['queue/train?status=completed', '43a-s0-train-a1'],
      ['queue/fuse?status=failed', '43a-s0-fuse-a1'],
      ['queue/fuse/43a-s0-fuse-a1', '43a-s0-fuse-a1'],
    ];
    const base = board.dashboard.url;
    const tried = new Set<string>();
    for (const [path, text] of pages) {
      await open(path, text);
      const count = await page.locator(control).count();
      for (let at = 0; at < count; at += 1) {
        const button = page.locator(control).nth(at);
        // The same button on another page or card does the same; some have only an icon.
        const what = (await button.innerHTML()).replace(/_r_\w+_/g, '');
        if (tried.has(what) || !(await button.isVisible())) continue;
        tried.add(what);
        await button.click();
        // With the menu or the dialog that it opened.
        for (const name of await page.locator(control).evaluateAll(namesOf)) expect(name, path).not.to.match(mutating);
        await page.keyboard.press('Escape');
        const moved = page.url() !== `${base}${path}` || (await page.locator('[data-base-ui-portal]').count()) > 0;
        if (moved) await open(path, text);
      }
    }
    expect(tried.size, 'buttons tried').to.be.above(9);
    expect(requests.filter((line) => !line.startsWith('GET '))).to.deep.equal([]);
  });

  it('sent requests only to us, and the page has nothing to complain about', () => {
    expect(requests).to.have.length.above(20);
    expect(requests.filter((line) => !line.startsWith(`GET ${board.dashboard.url}`))).to.deep.equal([]);
    expect(complaints).to.deep.equal([]);
  });
});

/** Of the DOM, whose types are not ours. */
interface Shown {
  textContent: string | null;
  getAttribute(name: string): string | null;
}

/** What a person sees or is read out, of each. Runs in the page. */
function namesOf(elements: Shown[]): string[] {
  return elements.map((element) =>
    [element.textContent, element.getAttribute('title'), element.getAttribute('aria-label')].join(' ').trim(),
  );
}
