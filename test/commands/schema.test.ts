import { expect } from 'chai';
import { schemaText } from '../../src/commands/schema.ts';
import { phaseJsonSchema } from '../../src/core/config/json-schema.ts';
import { CommandError } from '../../src/core/errors.ts';
import { workspaceConfig } from '../../src/events/workspace.ts';

describe('schema', () => {
  it('prints the schema of phase configs, as it is in the core', () => {
    expect(JSON.parse(schemaText('phase'))).to.eql(JSON.parse(JSON.stringify(phaseJsonSchema())));
  });

  it('names every key of phasebox.yaml with its default and what it is for', () => {
    const schema = JSON.parse(schemaText('workspace'));
    expect(Object.keys(schema.properties)).to.eql(Object.keys(workspaceConfig.shape));
    expect(schema.additionalProperties).to.equal(false);
    expect(schema).not.to.have.property('required');
    expect(schema.properties.stage_retries).to.include({ default: 3, minimum: 0 }).and.not.have.property('maximum');
    for (const [key, property] of Object.entries(schema.properties)) {
      expect((property as { description?: string }).description, key).to.be.a('string');
    }
  });

  it('says which schemas there are', () => {
    expect(() => schemaText('workspcae'))
      .to.throw(CommandError, /Did you mean workspace\? Allowed: phase, workspace/)
      .with.property('exitCode', 2);
    expect(() => schemaText('constructor')).to.throw(CommandError, /Allowed: phase, workspace/);
  });
});
