import { expect } from 'chai';
import { otherContent } from '../../../src/core/config/adapter-folder.ts';

const lora = { num_layers: 8, lora_parameters: { rank: 8, scale: 20, dropout: 0 } };

describe('otherContent', () => {
  const cases: readonly (readonly [
    string,
    files: readonly string[],
    config: unknown,
    message: RegExp,
    hint: RegExp,
  ])[] = [
    [
      'an adapter of PEFT',
      ['adapter_config.json', 'adapter_model.safetensors', 'README.md'],
      { peft_type: 'LORA', r: 8 },
      /^DIR is an adapter of Hugging Face PEFT \(peft_type LORA in adapter_config\.json\), which mlx_lm cannot load$/,
      /train it again with mlx_lm .*merge_and_unload.*from: \{ model: DIR \}/,
    ],
    ['one of an older PEFT', ['adapter_config.json', 'adapter_model.bin'], {}, /PEFT \(adapter_model\.bin\)/, /merge/],
    ['a sharded one', ['adapter_model-00001-of-00002.safetensors'], null, /PEFT \(adapter_model-00001/, /merge/],
    // renamed so that the names fit
    [
      'one with renamed weights',
      ['adapter_config.json', 'adapters.safetensors'],
      { peft_type: 'IA3' },
      /peft_type IA3/,
      /merge/,
    ],
    ['an adapter of llama.cpp', ['my-lora.GGUF'], null, /^DIR has my-lora\.GGUF, a file of llama\.cpp/, /mlx_lm lora/],
    [
      'an adapter of an early mlx_lm',
      ['adapters.npz', 'adapter_config.json'],
      lora,
      /adapters\.npz, the format/,
      /mx\.load/,
    ],
    [
      'a fused model',
      ['config.json', 'model.safetensors', 'tokenizer.json'],
      null,
      /^DIR is a whole model/,
      /from: \{ model: DIR \}/,
    ],
    ['a model of PyTorch', ['config.json', 'pytorch_model.bin'], null, /^DIR is a whole model/, /model/],
    ['nothing', [], null, /^DIR is empty$/, /adapters\.safetensors and adapter_config\.json/],
  ];
  for (const [name, files, config, message, hint] of cases)
    it(`recognizes ${name}`, () => {
      const found = otherContent('DIR', files, config);
      expect(found?.message).to.match(message);
      expect(found?.hint).to.match(hint);
    });

  it('accepts what mlx_lm wrote as an adapter, with any other files', () => {
    for (const files of [
      ['adapter_config.json', 'adapters.safetensors'],
      ['0000200_adapters.safetensors'],
      ['adapters.safetensors', 'adapters.npz', 'x.gguf'],
      ['config.json', 'adapters.safetensors'],
      // converted, with the original beside it
      ['adapter_config.json', 'adapters.safetensors', 'adapter_model.safetensors'],
      ['notes.txt'],
    ])
      expect(otherContent('DIR', files, lora), files.join()).to.equal(null);
  });
});
