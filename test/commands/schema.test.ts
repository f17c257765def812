import { expect } from 'chai';
import { phaseJsonSchema, workspaceJsonSchema } from '../../scripts/docs/json-schema.ts';
import { schemaText } from '../../src/commands/schema.ts';
import { CommandError } from '../../src/core/errors.ts';

describe('schema', () => {
  it('prints the schemas of phase configs and of phasebox.yaml', async () => {
    expect(JSON.parse(await schemaText('phase'))).to.eql(JSON.parse(JSON.stringify(phaseJsonSchema())));
    expect(JSON.parse(await schemaText('workspace'))).to.eql(JSON.parse(JSON.stringify(workspaceJsonSchema())));
  });

  it('says which schemas there are', async () => {
    for (const [name, message] of [
      ['workspcae', /Did you mean workspace\? Allowed: phase, workspace/],
      ['../package', /Allowed: phase, workspace/],
    ] as const) {
      const error = await schemaText(name).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(CommandError).with.property('exitCode', 2);
      expect(String(error)).to.match(message);
    }
  });
});
