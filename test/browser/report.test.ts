import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type Dashboard, startDashboard } from '../../src/io/board/dashboard.ts';
import { writePages } from '../../src/io/page/pages.ts';
import { tempDir } from '../helpers/temp.ts';
import { hostile, writeNight } from './written-night.ts';

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
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

const plots = ['overall', 'categories', 'modes', 'loss', 'timeline'];

/** What no page may do: code for the browser, as text is all that it gets. */
const pageWidth = 'document.scrollingElement.scrollWidth';

describe('the report in a browser', () => {
  let artifacts = '';
  let dashboard: Dashboard;
  let browser: Browser;
  let page: Page;
  const requests: string[] = [];
  const complaints: string[] = [];

  before(async function () {
    if (executablePath === undefined) {
      console.log('    no Chromium here (Debian: apt install chromium; or set CHROMIUM): skipped');
      this.skip();
    }
    artifacts = join(await tempDir('report'), 'artifacts');
    await writeNight(artifacts, { title: process.env.PHASEBOX_SCREENSHOTS === undefined ? hostile : '14B dense' });
    await writePages({ artifacts });
    await appendFile(
      join(artifacts, 'COMPARISON.md'),
      '\n## My notes\n\nTry *q6* next, ![a cat](https://example.org/cat.png)\n',
    );
    await writePages({ artifacts });
    dashboard = await startDashboard({ queues: [], host: '127.0.0.1', port: 0, artifacts });
    browser = await chromium.launch({ executablePath, args });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
    page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(`a script ran: ${dialog.message()}`);
      void dialog.dismiss();
    });
  });
  after(async () => {
    await browser?.close();
    await dashboard?.close();
  });

  const address = (path: string): string => new URL(path, dashboard.url).href;
  const picture = async (name: string): Promise<void> => {
    const folder = process.env.PHASEBOX_SCREENSHOTS;
    if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) });
  };
  const background = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');

  it('shows every section of the page, what the person wrote, and every plot', async () => {
    await page.goto(address('report'));
    await picture('report');
    const markdown = await readFile(join(artifacts, 'COMPARISON.md'), 'utf8');
    const wanted = [...markdown.matchAll(/^##? (.*)$/gm)].map(([, text]) => text ?? '');
    const shown = await page.locator('h1, h2').allTextContents();
    expect(shown).to.have.lengthOf(wanted.length).and.to.include.members(['Phases', 'Runs', 'My notes']);
    expect(shown.length).to.be.above(7);
    expect(await page.locator('.figures svg.plot').count()).to.equal(plots.length);
    expect(await page.locator('svg.plot title').allTextContents()).to.have.lengthOf(plots.length);
    const ids: string[] = await page.evaluate('[...document.querySelectorAll("[id]")].map(({ id }) => id)');
    expect(new Set(ids).size, 'ids are there once').to.equal(ids.length);
    expect(await page.getByText('Try q6 next').count()).to.equal(1);
    expect(await page.locator('a', { hasText: 'a cat' }).getAttribute('href'), 'a link, no picture').to.contain(
      'cat.png',
    );
  });

  it('shows what models and configs say as text, whatever it is', async () => {
    await page.goto(address('report'));
    expect(await page.locator('h1').textContent()).to.contain(
      process.env.PHASEBOX_SCREENSHOTS === undefined ? '<img src=x onerror=alert(1)>' : '14B dense',
    );
    for (const path of ['report', 'report/43a/answers.html', 'report/runs.html', 'report/how.html']) {
      await page.goto(address(path));
      expect(await page.locator('script, img, iframe, object, form, [onerror]').count(), path).to.equal(0);
      const links: string[] = await page.evaluate('[...document.links].map(({ href }) => href)');
      expect(
        links.filter((href) => !/^(?:https?|file):/.test(href)),
        path,
      ).to.eql([]);
    }
    await page.goto(address('report/43a/answers.html'));
    expect(await page.getByText('<script>alert(1)</script>').count(), 'shown').to.be.above(0);
  });

  it('leads to its other pages and back', async () => {
    await page.goto(address('report'));
    for (const [link, heading] of [
      ['provenance of each run', 'Provenance of each run'],
      ['how to read this report', ''],
      ['43a', 'Answers of 43a'],
    ] as const) {
      await page.locator('main a', { hasText: new RegExp(`^${link}$`) }).click();
      await page.getByRole('heading', { level: 1 }).first().waitFor();
      expect(await page.locator('h1').first().textContent()).to.contain(heading);
      await picture(`report-${link.split(' ')[0]}`);
      await page.locator('main a[href$="report.html"]').first().click();
      await page.getByRole('heading', { name: 'Phases' }).waitFor();
    }
  });

  it('can be read at 390 px: the page never scrolls sideways, tables do inside their own box', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const path of ['report', 'report/runs.html', 'report/how.html', 'report/43a/answers.html']) {
      await page.goto(address(path));
      await page.evaluate('for (const folded of document.querySelectorAll("details")) folded.open = true');
      expect(await page.evaluate(pageWidth), path).to.be.at.most(390);
    }
    await page.goto(address('report'));
    await picture('report-390');
    const box = page.locator('.scroll').first();
    const before = await box.locator('td').first().boundingBox();
    await page.evaluate('document.querySelector(".scroll").scrollLeft = 300');
    const after = await box.locator('td').first().boundingBox();
    expect(after?.x, 'the first column stays').to.equal(before?.x);
    expect(after?.width).to.be.within(60, 200);
    const second = await box.locator('td').nth(1).boundingBox();
    expect(second?.x, 'the others move').to.be.below(before?.x ?? 0);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('is light or dark as its reader is, plots too', async () => {
    const seen: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.goto(address('report'));
      seen.push(await background(), await page.evaluate('getComputedStyle(document.querySelector(".plot text")).fill'));
      await picture(`report-${colorScheme}`);
    }
    expect(new Set(seen).size).to.equal(4);
    await page.emulateMedia({ colorScheme: 'light' });
  });

  it('sends no other requests and has nothing to complain about', () => {
    expect(requests.length).to.be.above(10);
    expect(requests.filter((line) => !line.startsWith(`GET ${dashboard.url}`))).to.eql([]);
    expect(
      requests.filter((line) => !/\/report(?:\/[\w/-]+\.html)?(?:#.*)?$/.test(line)),
      'one file a page',
    ).to.eql([]);
    expect(complaints).to.eql([]);
  });

  it('is one click from the queues', async () => {
    const board = await browser.newPage();
    await board.goto(dashboard.url);
    await board.locator('header button').last().click();
    await board.getByRole('menuitem', { name: 'Comparison' }).click();
    await board.getByRole('heading', { name: 'Phases' }).waitFor();
    expect(board.url()).to.equal(address('report'));
    await board.close();
  });

  it('is the same page as a file, with no server', async () => {
    const asked: string[] = [];
    const alone = await browser.newPage({ viewport: { width: 390, height: 844 } });
    alone.on('request', (request) => asked.push(request.url()));
    const url = pathToFileURL(join(artifacts, 'report.html')).href;
    await alone.goto(url);
    expect(await alone.locator('svg.plot').count()).to.equal(plots.length);
    expect(asked).to.eql([url]);
    await alone.locator('main a', { hasText: /^provenance of each run$/ }).click();
    await alone.getByRole('heading', { name: 'Provenance of each run' }).waitFor();
    await alone.close();
  });
});
