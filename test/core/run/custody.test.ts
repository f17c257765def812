import { expect } from 'chai';
import { configText, custodyOf, versionsOf } from '../../../src/core/run/custody.ts';
import { row } from '../../../src/events/row.ts';
import { manifest } from '../../../src/events/run.ts';
import { makeManifest, makeRow, makeRun } from '../../helpers/rows.ts';

const host = { name: 'mini', system: 'darwin 25.1.0 arm64', cpu: 'Apple M4 Pro', memory_bytes: 2 ** 36 };
const server = { name: 'server', nonce: '00ff', model_id: 'default_model', answers: 27 };

describe('the chain of custody', () => {
  it('is what the stages noted as it happened', () => {
    const custody = custodyOf({
      run: makeRun(),
      iteration: 600,
      manifests: {
        train: makeManifest('train', { inputs: { data: 'd', base: 'b', resume_adapter_file: 'r' } }),
        fuse: makeManifest('fuse', { inputs: { base: 'b', adapter: 'a' } }),
        eval: makeManifest('eval', {
          inputs: { model: 'm', suite: 's', prompts: 'p' },
          made: { prompts_date: '2026-11-28' },
          host,
          config_sha256: 'c',
          servers: [
            { ...server, name: 'base' },
            { ...server, nonce: 'died' },
            { ...server, name: 'server.2', nonce: 'judged' },
            { ...server, name: 'probe' },
          ],
        }),
      },
    });
    expect(custody).to.eql({
      ...{ data: 'd', base: 'b', adapter: 'a', iteration: 600, resume: 'r', model: 'm', suite: 's', config: 'c', host },
      ...{ prompts: 'p', prompts_date: '2026-11-28' },
      server: { ...server, name: 'server.2', nonce: 'judged' },
    });
  });

  it('knows nothing of a run that has done nothing', () => {
    const custody = custodyOf({ run: makeRun(), manifests: {}, iteration: null });
    expect(Object.values(custody).every((value) => value === null)).to.equal(true);
    expect(versionsOf({ run: makeRun(), manifests: {} })).to.eql({});
  });

  it('names no versions of a source whose stages another run made', () => {
    const run = makeRun({ chain: ['fuse', 'eval'] });
    const manifests = {
      train: makeManifest('train', { versions: { mlx: '1', old: '1' } }),
      fuse: makeManifest('fuse', { versions: { mlx: '2' } }),
    };
    expect(versionsOf({ run, manifests })).to.eql({ mlx: '2' });
  });

  it('has one config hash for the seeds of a phase, and another for every setting', () => {
    const text = configText(makeRun());
    expect(configText(makeRun({ run: '43a-s1', seed: 1, number: 7, title: 'x', file: 'y' }))).to.equal(text);
    const { settings } = makeRun();
    const changed = [
      makeRun({ settings: { ...settings, train: { iters: 801 } } }),
      makeRun({ settings: { ...settings, eval: { ...settings.eval, temperature: 0.1 } } }),
      makeRun({ env: { A: '1' } }),
      makeRun({ criteria: { gate: 'overall > 1', outcomes: [] } }),
    ].map(configText);
    expect(new Set([text, ...changed]).size).to.equal(5);
  });

  it('is null in manifests and rows of a version that did not note it', () => {
    const { host: _host, servers: _servers, config_sha256: _config, ...older } = makeManifest('eval');
    expect(manifest.parse(older)).to.eql(makeManifest('eval'));
    const { data, base, adapter, model, suite } = makeRow().custody;
    const parsed = row.parse({ ...makeRow(), custody: { data, base, adapter, model, suite } });
    expect(parsed.custody).to.eql(makeRow().custody);
  });
});
