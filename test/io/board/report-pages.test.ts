import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Hono } from 'hono';
import { type Dashboard, startDashboard } from '../../../src/io/board/dashboard.ts';
import { reportPages } from '../../../src/io/board/report-pages.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('the report on the dashboard', () => {
  let artifacts = '';
  let app: Hono;
  let dashboard: Dashboard;
  before(async () => {
    const root = await tempDir('pages');
    artifacts = join(root, 'artifacts');
    for (const folder of ['43a/43a-s0', 'plots', '.hidden']) await mkdir(join(artifacts, folder), { recursive: true });
    const files: Readonly<Record<string, string>> = {
      ...{ 'secret.html': 'secret', 'artifacts/report.html': '<html>\n<head>\n</head>\nthe page</html>' },
      ...{
        'artifacts/43a/answers.html': 'answers',
        'artifacts/plots/loss.svg': '<svg/>',
        'artifacts/results.jsonl': '{}',
      },
      ...{ 'artifacts/.hidden/x.html': 'x', 'artifacts/.x.html': 'x', 'artifacts/43a/43a-s0/x.html': 'x' },
    };
    for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text);
    await symlink(join(root, 'secret.html'), join(artifacts, 'link.html'));
    await symlink(root, join(artifacts, 'out'));
    await mkdir(join(artifacts, 'folder.html'));
    app = new Hono().route('/', reportPages(artifacts));
    dashboard = await startDashboard({ queues: [], host: '127.0.0.1', port: 0, artifacts });
  });
  after(() => dashboard.close());
  const ask = async (path: string): Promise<{ status: number; type: string; text: string }> => {
    const response = await app.request(path);
    return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() };
  };

  it('is the page at /report, with its links leading below that', async () => {
    const { status, type, text } = await ask('/report');
    expect([status, type]).to.eql([200, 'text/html; charset=utf-8']);
    expect(text).to.equal('<html>\n<head>\n<base href="/report/">\n</head>\nthe page</html>');
    expect((await ask('/report/')).text).to.equal('<html>\n<head>\n</head>\nthe page</html>');
    expect((await ask('/report/report.html')).status).to.equal(200);
    expect((await ask('/report/43a/answers.html')).text).to.equal('answers');
    expect(await ask('/report/plots/loss.svg')).to.include({ status: 200, type: 'image/svg+xml; charset=utf-8' });
  });

  it('gives out nothing else', async () => {
    const others = [
      'results.jsonl',
      '../secret.html',
      '..%2fsecret.html',
      '%2e%2e/secret.html',
      '.hidden/x.html',
      '.x.html',
      ...['link.html', 'out/secret.html', 'folder.html'],
    ];
    for (const path of [
      ...others,
      '43a/43a-s0/x.html',
      '43a',
      'nobody.html',
      '%',
      '43a%2fanswers.html',
      '..\\secret.html',
    ])
      expect((await ask(`/report/${path}`)).status, path).to.equal(404);
  });

  it('is shown where artifacts/ itself is kept elsewhere by a link', async () => {
    const linked = join(await tempDir('linked'), 'artifacts');
    await symlink(artifacts, linked);
    const response = await new Hono().route('/', reportPages(linked)).request('/report/43a/answers.html');
    expect(await response.text()).to.equal('answers');
  });

  it('says what is missing before the first row', async () => {
    const empty = new Hono().route('/', reportPages(await tempDir('empty')));
    const response = await empty.request('/report');
    expect([response.status, await response.text()]).to.eql([
      404,
      '404: report.html does not exist; it is written with the first row.\n',
    ]);
  });

  it('stands behind the guard of the dashboard, which continues showing its queues', async () => {
    const response = await fetch(new URL('report', dashboard.url));
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-security-policy')).to.contain("default-src 'self'");
    const foreign = await fetch(new URL('report', dashboard.url), { headers: { origin: 'https://evil.example' } });
    expect(foreign.status).to.equal(403);
    expect((await fetch(new URL('report', dashboard.url), { method: 'POST' })).status).to.equal(405);
    expect(await (await fetch(dashboard.url)).text()).to.contain('<title>phasebox');
  });
});
