import { expect } from 'chai';
import { parse } from 'yaml';
import { toolEnv } from '../../src/core/mlx/python.ts';
import { costCommand } from '../../src/events/stages/eval.ts';
import { checkpointFile, checkpointIteration } from '../../src/events/stages/mlx.ts';
import { lossCommand } from '../../src/events/stages/select.ts';
import type { Places } from '../../src/events/stages/stage-row.ts';
import { checkArgv, trainCommand, trainYaml, withDefaults } from '../../src/events/stages/train.ts';
import { type Settings, stages } from '../../src/events/stages.ts';

const places: Places = {
  ...{ python: 'py', driver: (name) => `${name}.py`, baseModel: 'M', memoryLimit: 2 ** 34, made: () => 'F' },
  adapter: { folder: 'A', file: 'adapters.safetensors', checkpoint: null },
  ...{ judged: { model: 'F', adapter: null }, fused: null },
};
const fuse: Settings<'fuse'> = { mode: 'direct', q_bits: 5, q_group_size: 64 };

describe('events/stages, commands', () => {
  it('writes the train section with what is ours, in a YAML that PyYAML reads the same', () => {
    const text = trainYaml(
      { iters: 800, learning_rate: 1e-7, mask_prompt: true, lora_parameters: { rank: 8, keys: ['yes', '12:30'] } },
      { model: '/Users/me/my models/no: "x" #1', data: 'off', seed: 7 },
    );
    expect(parse(text, { version: '1.1' })).to.deep.equal({
      ...{ model: '/Users/me/my models/no: "x" #1', data: 'off', train: true, seed: 7, adapter_path: 'adapter' },
      ...{ iters: 800, learning_rate: 1e-7, mask_prompt: true, lora_parameters: { rank: 8, keys: ['yes', '12:30'] } },
    });
    expect(text).to.contain('data: "off"').and.contain('"12:30"');
  });

  it('passes as flags what mlx_lm does not read from the file', () => {
    const settings = { iters: 5, clear_cache_threshold: '4GB', trust_remote_code: true };
    expect(trainYaml(settings, { model: 'm', data: 'd', seed: 0 })).to.not.match(/clear_cache|trust/);
    const { argv, plain } = trainCommand(settings, places);
    const flags = ['--clear-cache-threshold', '4GB', '--trust-remote-code'];
    expect(plain).to.deep.equal(['py', '-m', 'mlx_lm', 'lora', '-c', 'train.yaml', ...flags]);
    expect(argv.slice(-3)).to.deep.equal(flags);
    expect(argv.slice(0, 8)).to.deep.equal([
      'py',
      'train.py',
      '-c',
      'train.yaml',
      '--state-dir',
      'states',
      '--resume',
      'states',
    ]);
    expect(trainCommand({ iters: 5, trust_remote_code: false }, places).plain).to.have.length(6);
  });

  it('keeps an early stop from mlx_lm, which does not know it', () => {
    const settings = { iters: 5, stop: { val_loss: { patience: 3, min_delta: 0 } } };
    expect(trainYaml(settings, { model: 'm', data: 'd', seed: 0 })).to.not.contain('stop');
    const { argv, plain } = trainCommand(settings, places);
    expect(argv.slice(-2)).to.eql(['--stop', '{"val_loss":{"patience":3,"min_delta":0}}']);
    expect(plain, 'no other command has the same result').to.equal(undefined);
  });

  it('checks the data with the settings that training will use, defaults included', () => {
    const call = {
      model: 'M',
      data: 'D',
      settings: withDefaults({ iters: 800, mask_prompt: true }),
      minRows: { train: 1000, valid: 9 },
    };
    expect(checkArgv('py', 'check_data.py', call).join(' ')).to.equal(
      'py check_data.py --model M --data D --out profile.json --iters 800 --batch-size 4 --val-batches 25 ' +
        '--max-seq-length 2048 --steps-per-eval 200 --mask-prompt --min-rows train=1000 valid=9',
    );
  });

  it('names the keys of a data row to every driver that reads data, where the config renames them', () => {
    const settings = withDefaults({ prompt_feature: 'question', completion_feature: 'answer' });
    const keys = '--prompt-key question --completion-key answer';
    const check = checkArgv('py', 'c.py', { model: 'M', data: 'D', settings, minRows: {} });
    const tools = { python: 'py', driver: (name: string) => `${name}.py`, baseModel: 'B' };
    const loss = lossCommand({ data: 'D', adapter: 'A', checkpoints: [], settings }, tools).argv;
    const paths = { adapter: 'A', weights: 'w', final: 'F' };
    const cost = (data: string | null) => costCommand({ ...paths, data, train: settings, seconds: 60 }, tools).argv;
    for (const argv of [check, loss, cost('D')]) expect(argv.join(' ')).to.contain(keys);
    expect(cost(null).join(' ')).not.to.contain('-key');
  });

  it('fuses and quantizes', () => {
    const argvOf = (stage: 'fuse' | 'quantize', settings: Settings<'fuse'>): string[] =>
      stages[stage]
        .commands({ settings: { fuse: settings } }, places)
        .map((step) => ('argv' in step ? step.argv.join(' ') : step.does));
    expect(argvOf('fuse', fuse)).to.eql([
      'py fuse_direct.py --model M --adapter A --out model --q-bits 5 --q-group-size 64',
    ]);
    expect(argvOf('fuse', { ...fuse, q_bits: null })).to.eql(['py fuse_direct.py --model M --adapter A --out model']);
    expect(argvOf('fuse', { ...fuse, mode: 'two_step' })).to.eql([
      'py -m mlx_lm fuse --model M --adapter-path A --save-path model --dequantize',
    ]);
    expect(argvOf('quantize', fuse)).to.eql([
      'py -m mlx_lm convert --hf-path F --mlx-path model -q --q-bits 5 --q-group-size 64',
    ]);
  });

  it('knows checkpoints by their names', () => {
    expect(checkpointFile(600)).to.equal('0000600_adapters.safetensors');
    expect(checkpointIteration('0000600_adapters.safetensors')).to.equal(600);
    expect(checkpointIteration('12345678_adapters.safetensors')).to.equal(12345678);
    expect(checkpointIteration('adapters.safetensors')).to.equal(null);
  });

  it('keeps tools offline and unbuffered, whatever the run sets', () => {
    expect(toolEnv({ PYTHONUNBUFFERED: '', A: 'b' })).to.deep.equal({
      ...{ A: 'b', COLUMNS: '120', PYTHONUNBUFFERED: '1', PYTHONUTF8: '1', HF_HUB_OFFLINE: '1' },
    });
  });
});
