import { expect } from 'chai';
import { execa } from 'execa';
import { phaseJsonSchema, workspaceJsonSchema } from '../../scripts/docs/json-schema.ts';
import { builtCommand } from '../helpers/chain.ts';

const schema = async (...args: string[]) =>
  await execa(process.execPath, [await builtCommand(), 'schema', ...args], { reject: false });

describe('schema', () => {
  it('prints the schemas of phase configs and of phasebox.yaml', async () => {
    for (const [args, expected] of [
      [[], phaseJsonSchema()],
      [['phase'], phaseJsonSchema()],
      [['workspace'], workspaceJsonSchema()],
    ] as const)
      expect(JSON.parse((await schema(...args)).stdout)).to.eql(JSON.parse(JSON.stringify(expected)));
  });

  it('says which schemas there are', async () => {
    const slip = await schema('workspcae');
    expect(slip.exitCode).to.equal(2);
    expect(slip.stderr).to.match(/Did you mean workspace\? Allowed: phase, workspace/);
    expect((await schema('../package')).stderr).to.match(/Allowed: phase, workspace/);
  });
});
