import { expect } from 'chai';
import { phaseJsonSchema, workspaceJsonSchema } from '../../scripts/docs/json-schema.ts';
import { getAt } from '../../src/core/mapping.ts';
import { phase } from '../../src/events/phase.ts';
import { workspaceConfig } from '../../src/events/workspace.ts';

describe('the JSON Schema of a phase config', () => {
  const schema = phaseJsonSchema();
  const at = (...path: (string | number)[]) => getAt(schema, ['properties', ...path]);

  it('describes every key of the contract', () => {
    expect(Object.keys(schema.properties ?? {})).to.have.members(Object.keys(phase.shape));
    for (const key of Object.keys(phase.shape)) expect(at(key, 'description'), key).to.be.a('string');
    for (const section of ['train', 'select', 'fuse', 'cleanup', 'eval']) {
      const keys = Object.keys(getAt(at(section), ['properties']) as object);
      for (const key of keys)
        expect(at(section, 'properties', key, 'description'), `${section}.${key}`).to.be.a('string');
    }
  });

  it('asks for the name alone, since all else may be inherited', () => {
    expect(schema.required).to.deep.equal(['phase']);
    expect(at('eval', 'required')).to.equal(undefined);
    expect(schema.additionalProperties).to.equal(false);
  });

  it('lets names look like numbers, and a variant take a key back', () => {
    expect(at('phase', 'type')).to.deep.equal(['string', 'number', 'boolean']);
    const overlay = at('variants', 'additionalProperties', 'properties', 'train', 'anyOf', 0, 'properties', 'iters');
    expect(overlay).to.deep.equal({
      description: 'Number of iterations.',
      anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
    });
  });
});

describe('the JSON Schema of phasebox.yaml', () => {
  it('names every key with its default and what it is for', () => {
    const schema = workspaceJsonSchema();
    expect(Object.keys(schema.properties ?? {})).to.eql(Object.keys(workspaceConfig.shape));
    expect(schema.additionalProperties).to.equal(false);
    expect(schema).not.to.have.property('required');
    const retries = schema.properties?.stage_retries;
    expect(retries).to.include({ default: 3, minimum: 0 }).and.not.have.property('maximum');
    for (const [key, property] of Object.entries(schema.properties ?? {}))
      expect((property as { description?: string }).description, key).to.be.a('string');
  });
});
