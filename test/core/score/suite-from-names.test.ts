import { expect } from 'chai';
import { calledNames } from '../../../src/core/score/suite-from.ts';

/** Code, and what it calls. */
const table: readonly (readonly [string, readonly string[]])[] = [
  ['result = hover("src/a.py", 12, 7)\nif result.success:\n    print(len(result.content))', ['hover']],
  ['a = read_file("x")\nb = lint("x")\nread_file("y")', ['read_file', 'lint']],
  ['run_command("grep -r \'click.command(init)\' lint(x)")  # then typecheck()', ['run_command']],
  ['"""\nhover()\n"""\ntext = \'it\\\'s lint()\'\ngit_status ()', ['git_status']],
  ['client.hover()\n"x".join(names(y))', ['names']],
  ['def helper(x):\n    return lint(x)\nhelper(1)\nclass Box(Base):\n    pass\nBox()', ['lint']],
  ['from pathlib import Path, PurePath as P\nimport json as j\nread_file(Path("a"), P("b"), j("c"))', ['read_file']],
  ['if (a and (b)):\n    raise ValueError("x")\nwhile (c): await hover(1)', ['hover']],
  ['print("nothing")', []],
  ['результат = прочитать("a")', ['прочитать']],
  ['lint("unclosed', ['lint']],
  ['', []],
];

describe('core/suite-from, names that code calls', () => {
  for (const [code, names] of table)
    it(JSON.stringify(code).slice(0, 70), () => {
      expect(calledNames(code)).to.eql(names);
    });
});
