import { expect } from 'chai';
import { checkBlas, measureBlas } from '../../../src/commands/parts/check-blas.ts';
import { testPython } from '../../helpers/real-stage.ts';

describe('commands/check-blas', () => {
  it('says what to set when mlx multiplies much slower than numpy', () => {
    const [check] = checkBlas({ mlx: 1.7, numpy: 20, openblas: 'libopenblas.so.0' });
    expect(check).to.eql({
      ...{ name: 'blas', status: 'warn', todo: 'Write env: { LD_PRELOAD: libopenblas.so.0 } in the config.' },
      detail: 'on the CPU, mlx multiplies matrices at 2 GFLOP/s and numpy at 20: the BLAS that comes with mlx is slow',
    });
    expect(checkBlas({ mlx: 1.7, numpy: 20, openblas: null })[0]?.todo).to.match(/^Install OpenBLAS .*LD_PRELOAD/);
    expect(checkBlas({ mlx: 34, numpy: 20, openblas: null })[0]).to.include({ status: 'ok', todo: null });
    expect(checkBlas({}), 'on a GPU').to.eql([]);
  });

  it('measures both in the Python of the user', async () => {
    const found = await measureBlas(testPython);
    expect('mlx' in found && found.mlx > 0 && found.numpy > 0).to.equal(true);
  });
});
