import { expect } from 'chai';
import {
  inboxName,
  isConfigName,
  type LeftAlone,
  leftAloneTexts,
  sortName,
} from '../../../src/core/config/inbox-names.ts';
import { printable, shownName } from '../../../src/core/printable.ts';
import { leftNames } from '../../helpers/left-names.ts';

const kinds = (names: readonly string[]): string[] => names.map((name) => sortName(Buffer.from(name)).kind);

describe('names of files in the inbox', () => {
  it('takes .yaml, .yml and .json in any case, however odd the rest of the name is', () => {
    const names = [
      'a.yaml',
      'A.YAML',
      'b.Yml',
      'c.json',
      'a.tmp.yaml',
      'a b (1).yaml',
      '-x.yaml',
      'nächte-夜.yaml',
      '%$.yml',
    ];
    expect(names.filter((name) => sortName(Buffer.from(name)).kind !== 'config')).to.deep.equal([]);
    expect(sortName(Buffer.from('\ufeffa.yaml'))).to.deep.equal({ kind: 'config', name: '\ufeffa.yaml' });
  });

  it('says nothing of hidden files, of what editors and office programs leave, and of its own folders', () => {
    const names = [
      '.a.yaml',
      '.a.yaml.swp',
      'a.yaml~',
      'a.swp',
      '#a.yaml#',
      '.#a.yaml',
      '4913',
      '.DS_Store',
      '._a.yaml',
    ];
    const others = [
      '~$a.yaml',
      '.~lock.a.yaml#',
      '.goutputstream-X1Y2Z3',
      '.syncthing.a.yaml.tmp',
      'accepted',
      'rejected',
    ];
    expect(new Set(kinds([...names, ...others]))).to.deep.equal(new Set(['quiet']));
  });

  it('names what is left alone: temporary and system names, placeholders, names that are not UTF-8', () => {
    for (const name of leftNames) expect(sortName(Buffer.from(name, 'latin1')), name).to.have.property('kind', 'left');
    const why = (name: string) => sortName(Buffer.from(name, 'latin1'));
    expect(why('.night.yaml.icloud')).to.have.nested.property('left.why', 'in_icloud');
    expect(why('lat\xe9.yaml')).to.have.nested.property('left.why', 'not_utf8');
    expect(why('a.yaml.part')).to.have.nested.property('left.why', 'extension');
  });

  it('shows control characters, line ends, directions and bytes that are no text escaped', () => {
    expect(printable('Icon\r')).to.equal('Icon\\r');
    expect(printable('a\n\t\x1b[31m.yaml')).to.equal('a\\n\\t\\x1b[31m.yaml');
    expect(printable('a\u202elmay.yaml')).to.equal('a\\u202elmay.yaml');
    expect(shownName(Buffer.from('lat\xe9.yaml', 'latin1'))).to.equal('lat\\xe9.yaml');
    expect(shownName(Buffer.from([0xe5, 0xa4, 0x9c, 0xe5, 0xa4]))).to.equal('夜\\xe5\\xa4');
    expect(shownName(Buffer.from('夜 🎉.yaml'))).to.equal('夜 🎉.yaml');
  });

  it('gives a submitted file a name that is taken, and keeps one that is', () => {
    const names = [
      'a.yaml',
      'B.YML',
      'c.json',
      '43a',
      'v1.2',
      'a.yaml.part',
      '.night.yaml',
      '~$a.yaml',
      'a.yaml~',
      '...',
      '#a#',
    ];
    const given = ['a.yaml', 'B.YML', 'c.json', '43a.yaml', 'v1.2.yaml', 'a.yaml.part.yaml', 'night.yaml', 'a.yaml'];
    expect(names.map(inboxName)).to.deep.equal([...given, 'a.yaml~.yaml', 'config.yaml', '#a#.yaml']);
    expect(names.map(inboxName).filter((name) => !isConfigName(name))).to.deep.equal([]);
  });

  it('tells each reason with its names and what to do, and does not print thousands', () => {
    const left = (why: LeftAlone['why'], ...names: string[]): LeftAlone[] => names.map((name) => ({ name, why }));
    expect(
      leftAloneTexts([...left('extension', 'a.part', 'b.tmp'), ...left('in_icloud', '.c.yaml.icloud')]),
    ).to.deep.equal([
      'ignored in the inbox: 2 files, not .yaml, .yml or .json: a.part, b.tmp. Rename what is a config, or use `phasebox submit FILE`.',
      'ignored in the inbox: 1 file, not downloaded yet from iCloud: .c.yaml.icloud. Open it in Finder, or run `brctl download FILE`.',
    ]);
    const many = left('extension', ...Array.from({ length: 5000 }, (_, index) => `${index}.jpg`));
    expect(leftAloneTexts(many)[0]).to.match(/5000 files.*, 99\.jpg, and 4900 more\./);
  });
});
