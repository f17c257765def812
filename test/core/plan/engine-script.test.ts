import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { engineLines } from '../../../src/core/plan/engine-script.ts';
import { stageCommands } from '../../../src/core/plan/stage-commands.ts';
import { evalSettings } from '../../../src/events/stages.ts';
import { demoRun } from '../../helpers/real-stage.ts';

describe('eval.engine in plans', () => {
  it('is told by a script, and never run, whatever its command holds', () => {
    const command = ['sh', '-c', 'echo "ran"\necho it\'s $HOME'];
    const lines = engineLines({ command, server: true }, { model: '/models/a b', adapter: '/ad$apter' });
    const told = execFileSync('bash', ['-eu', '-c', `workspace=/w\n${lines.join('\n')}`], { encoding: 'utf8' });
    expect(told).to.contain('not scored: eval.engine is run by phasebox alone');
    expect(told).to.contain('in /w:').and.contain('/models/a b').and.contain('/ad$apter');
    expect(told).to.contain('echo "ran"').and.contain('$HOME');
    expect(told.split('\n')).to.not.include('ran');
  });

  it('is a command of the eval stage, after the server or without one', () => {
    const commands = (server: boolean): string[] => {
      const settings = evalSettings.parse({
        suite: '/s.yaml',
        cost: false,
        engine: { command: ['inspect', 'eval'], server },
      });
      const run = demoRun('B', { eval: settings, chain: ['train', 'fuse', 'eval'] });
      const at = { python: 'py', model: '/base', modelName: 'b', driver: (name: string) => `/d/${name}.py` };
      const places = { ...at, run: (id: string) => `/artifacts/${id}`, plans: new Map() };
      const stage = stageCommands(run, places).find((one) => one.stage === 'eval');
      return (stage?.commands ?? []).map((argv) => argv.slice(0, 2).join(' '));
    };
    expect(commands(true)).to.deep.equal(['py /d/serve.py', 'inspect eval']);
    expect(commands(false)).to.deep.equal(['inspect eval']);
  });
});
