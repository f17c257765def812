import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { CommandError } from '../../../src/core/errors.ts';
import { installMlx, mlxPackages, readFacts } from '../../../src/io/model/facts.ts';
import { mlxFacts } from '../../helpers/config-workspace.ts';
import { testPython } from '../../helpers/real-stage.ts';
import { tempDir } from '../../helpers/temp.ts';

async function refusal(python: string): Promise<string> {
  try {
    await readFacts(python);
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === 3) return error.message;
    throw error;
  }
  throw new Error('no error');
}

async function program(text: string): Promise<string> {
  const path = join(await tempDir('python'), 'python');
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

describe('readFacts', () => {
  it('asks the real mlx_lm for its versions and training settings', async () => {
    const { versions, defaults } = await readFacts(testPython);
    expect(versions).to.include.all.keys('python', 'mlx', 'mlx_lm');
    expect(defaults).to.include.all.keys(
      Object.keys(mlxFacts.defaults).filter((key) => key !== 'clear_cache_threshold'),
    );
  });

  it('asks once', async () => {
    const counted = await program(
      'echo x >>"$0.calls"; echo \'{"versions": {"mlx_lm": "1", "mlx": null}, "defaults": {}}\'',
    );
    const [first, second] = [await readFacts(counted), await readFacts(counted)];
    expect(first).to.equal(second);
    expect(first.versions).to.deep.equal({ mlx_lm: '1' });
  });

  it('says what is missing, and asks again once it is there', async () => {
    const python = await program('echo "mlx_lm is not installed in here" >&2; exit 3');
    expect(await refusal(python)).to.equal(`mlx_lm is not installed in ${python}. ${installMlx(python)}`);
    expect(installMlx(python)).to.contain(`${python} -m pip install ${mlxPackages}`);
    expect(await refusal(await program('echo broken >&2; exit 1'))).to.match(/cannot tell its mlx_lm: broken\. Set `/);
    expect(await refusal('/no/such/python')).to.match(/^\/no\/such\/python cannot be run \(ENOENT\)/);
    expect(await refusal(await program('echo hello'))).to.contain('printed no facts: hello');
    await writeFile(python, '#!/bin/sh\necho \'{"versions": {}, "defaults": {}}\'\n');
    expect(await readFacts(python)).to.deep.equal({ versions: {}, defaults: {} });
  });
});
