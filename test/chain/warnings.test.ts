import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';

const empty = 'train.mask_prompt is empty, so its default applies; write a value, or null if that is intended';

/** What a terminal acts on; line ends and tabs are meant. */
const acting = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u;

/** A file name that would clear a screen. */
const oddName = 'x\u001b[2J\u009b.yaml';

/** A right config whose title would turn the direction of a terminal's text, with a key that is left empty. */
const doubtful = (phase: string): string =>
  config(phase).replace('mask_prompt: true', 'mask_prompt:').concat('title: "a\\u202eb"\n');

describe('what is doubtful in a config that is accepted', () => {
  let chain: Chain;
  before(async () => {
    chain = await makeChain();
  });
  after(() => chain.remove());

  it('is on stderr, in --json, in the record, in status, in the row and on the page, and moves no cursor', async () => {
    await chain.write('phasebox.yaml', `${(await chain.read('phasebox.yaml')).slice(0, -1)}, "notify": }`);
    const told = /phasebox\.yaml: line 1: notify is empty/;
    await chain.write('inbox/w.yaml', doubtful('w'));
    await chain.write(`inbox/${oddName}`, `${doubtful('x')}"k\\e[1m": "\\e[0m"\n`);
    const up = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(up, up.err).to.include({ code: 2 });
    expect(up.err)
      .to.match(told)
      .and.to.match(/^w\.yaml: line \d+: train\.mask_prompt is empty/m);
    expect(up.out).to.contain(empty);

    const row = await chain.row('w-s0');
    expect(row.warnings.filter((text) => text.endsWith(empty))).to.have.length(1);
    expect(JSON.parse(await chain.read('artifacts/w/phase.json')).warnings.join()).to.contain(empty);
    const page = await chain.read('artifacts/COMPARISON.md');
    expect(page).to.match(/w-s0: line \d+: train\.mask\\?_prompt is empty/);
    const status = await chain.phasebox('status');
    expect(status.out).to.match(/^warning: w: line \d+: train\.mask_prompt is empty/m);
    const { warnings } = JSON.parse((await chain.phasebox('status', '--json')).out);
    expect(warnings.map(({ phase }: { phase: string | null }) => phase)).to.eql([null, 'w']);

    const file = await chain.write('v.yaml', doubtful('v'));
    const plan = await chain.phasebox('plan', file, '--json');
    expect(plan.err).to.match(told).and.to.contain(empty);
    const planned = JSON.parse(plan.out);
    expect(planned.warnings.join()).to.contain('notify is empty');
    expect(planned.phases[0].warnings.join()).to.contain(empty);
    expect(planned.phases[0].title, 'JSON reads back the same').to.equal('a\u202eb');
    const text = await chain.phasebox('plan', file);
    expect(text.out).to.contain('phase v: a\\u202eb').and.to.contain(empty);
    const submit = await chain.phasebox('submit', file);
    expect(submit.err).to.contain(empty);

    const odd = await chain.phasebox('submit', `inbox/rejected/${oddName}`, `${file}\u0007`);
    expect(odd.err)
      .to.match(/x\\x1b\[2J\\x9b\.yaml:\d+: .*the control character U\+001B/)
      .and.to.contain('does not exist');
    expect(status.out).to.contain('rejected: x\\x1b[2J\\x9b.yaml');
    const reasons = await chain.read(`inbox/rejected/${oddName}.reasons.txt`);
    expect(reasons).to.match(/x\\x1b\[2J\\x9b\.yaml:\d+: .*the control character U\+001B/);

    const log = await chain.read('.phasebox/log/phasebox.log');
    const html = await chain.read('artifacts/report.html');
    const seen = [up, status, plan, text, submit, odd].flatMap(({ out, err }) => [out, err]);
    for (const one of [...seen, log, page, html, reasons]) expect(one).to.not.match(acting);
    expect(page).to.contain('a\\\\u202e');
  });
});
