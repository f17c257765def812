// `npm run docs:picture FILE`: makes docs/report.png from a report.html, with an installed Chromium (CHROMIUM names
// it). The one in the repository shows the demo.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const repository = join(import.meta.dirname, '..');
const report = resolve(process.argv[2] ?? join(repository, '.demo/artifacts/report.html'));
const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
);
if (executablePath === undefined || !existsSync(report)) {
  process.stderr.write(
    `report-picture: there is no ${executablePath === undefined ? 'Chromium: set CHROMIUM' : report}\n`,
  );
  process.exit(3);
}
const browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage({ viewport: { width: 1300, height: 900 }, colorScheme: 'light' });
  await page.goto(pathToFileURL(report).href);
  // Down to the table of phases: the conclusions and their basis.
  const { y, height } = await page.locator('table').first().boundingBox();
  const clip = { x: 0, y: 0, width: 1300, height: Math.ceil(y + height) + 16 };
  await page.screenshot({ path: join(repository, 'docs/report.png'), fullPage: true, clip });
} finally {
  await browser.close();
}
