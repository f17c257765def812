import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { shellLine } from '../../../src/core/shell.ts';
import { absolutePath, expandArgument, expandWords, givenPath, homeFolder } from '../../../src/io/host/home.ts';

describe('io/home', () => {
  const before = process.env.HOME;
  const setHome = (value: string | undefined): void => {
    if (value === undefined) delete process.env.HOME;
    else process.env.HOME = value;
  };
  afterEach(() => setHome(before));

  it('expands ~ and ~/x, and nothing else', () => {
    const home = homedir();
    expect(absolutePath('~', '/w')).to.equal(home);
    expect(absolutePath('~/a b/c', '/w')).to.equal(join(home, 'a b/c'));
    expect(absolutePath('x/~/y', '/w')).to.equal('/w/x/~/y');
    expect(absolutePath('./~', '/w')).to.equal('/w/~');
    expect(absolutePath('/~/x', '/w')).to.equal('/~/x');
    const words = ['~/bin/x', '~', 'a~', '--out=~/x', '~5%', 'echo ~/x'];
    expect(expandWords(words)).to.deep.equal([join(home, 'bin/x'), home, 'a~', '--out=~/x', '~5%', 'echo ~/x']);
  });

  it('refuses the home folder of another user where a path is given', () => {
    for (const path of ['~bob', '~bob/x', '~+/x', '~.config']) {
      expect(() => givenPath(path, '/w'), path).to.throw(
        /another user \(~name\) is not looked up: write the whole path/,
      );
      expect(() => expandArgument(path), path).to.throw(/another user/);
      expect(() => expandArgument(`--workspace=${path}`), path).to.throw(`--workspace=${path}`);
    }
  });

  it('expands what a shell leaves of the command line', () => {
    const home = homedir();
    expect(['--workspace=~/w', '~/w', '~', '--json', 'a=~/x', '-o~'].map(expandArgument)).to.deep.equal([
      ...[`--workspace=${join(home, 'w')}`, join(home, 'w'), home],
      ...['--json', 'a=~/x', '-o~'],
    ]);
  });

  it("takes the system's answer where HOME is unset, empty or no whole path", () => {
    for (const value of [undefined, '', 'relative']) {
      setHome(value);
      expect(homeFolder(), String(value)).to.equal(userInfo().homedir);
      expect(absolutePath('~/x', '/w')).to.equal(join(userInfo().homedir, 'x'));
    }
    setHome('/some where');
    expect(absolutePath('~/x', '/w')).to.equal('/some where/x');
  });

  it('writes a word of a command so that a shell expands it too', () => {
    expect(shellLine(['~/my bin/check', '~', '~/x.sh', 'a~', '~bob', "it's"])).to.equal(
      "~/'my bin/check' ~ ~/x.sh 'a~' '~bob' 'it'\\''s'",
    );
  });
});
