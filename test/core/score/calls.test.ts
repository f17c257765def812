import { expect } from 'chai';
import { nativeCalls, textCalls } from '../../../src/core/score/calls.ts';
import { readAnswer, withoutThoughts } from '../../../src/core/score/read-answer.ts';
import { completion, hermes, xml } from '../../helpers/answers.ts';

const codes = (text: string): [string, string][] => textCalls(text).map((call) => [call.name, call.code.trim()]);

describe('calls in a text', () => {
  it('reads XML with and without the tool_call mark', () => {
    expect(codes(xml('execute_code', 'a()'))).to.deep.equal([['execute_code', 'a()']]);
    expect(codes('Sure.\n<function=execute_code><parameter=code>a()</parameter></function> done')).to.deep.equal([
      ['execute_code', 'a()'],
    ]);
  });

  it('runs to the end when a call is not closed, wherever it was cut', () => {
    expect(codes('<tool_call>\n<function=execute_code>\n<parameter=code>\nread_file("a')).to.deep.equal([
      ['execute_code', 'read_file("a'],
    ]);
    expect(codes('<function=execute_code>\nread_file(')).to.deep.equal([['execute_code', 'read_file(']]);
    expect(codes('<function=execute_code>')).to.deep.equal([['execute_code', '']]);
    expect(codes('<function=execute_code><parameter=code>a()</par')).to.deep.equal([['execute_code', 'a()</par']]);
    expect(codes('<function=execute_code><parameter=code>a()</function> b()')).to.deep.equal([['execute_code', 'a()']]);
    expect(codes('<function=execute_code><parameter=code>a()</tool_call> b()')).to.deep.equal([
      ['execute_code', 'a()'],
    ]);
  });

  it('takes a cut name for no call', () => {
    expect(codes('<function=execute_co')).to.deep.equal([]);
    expect(codes('<function=')).to.deep.equal([]);
    expect(codes('<tool_call>')).to.deep.equal([]);
  });

  it('prefers the parameter code, then python, then all values, then the bare body', () => {
    const call = (body: string) => codes(`<function=f>${body}</function>`)[0]?.[1];
    expect(call('<parameter=x>1</parameter><parameter=python>2</parameter><parameter=code>3</parameter>')).to.equal(
      '3',
    );
    expect(call('<parameter=x>1</parameter><parameter=python>2</parameter>')).to.equal('2');
    expect(call('<parameter=x>1</parameter><parameter=y>2</parameter>')).to.equal('1\n2');
    expect(call('<parameter=x>1<parameter=code>2')).to.equal('2');
    expect(call(' a() ')).to.equal('a()');
  });

  it('takes marks inside a value for data', () => {
    expect(codes(xml('execute_code', 'print("<function=foo>"); b()'))).to.deep.equal([
      ['execute_code', 'print("<function=foo>"); b()'],
    ]);
    expect(codes(hermes('execute_code', { code: 'print("<function=foo>")' }))).to.deep.equal([
      ['execute_code', 'print("<function=foo>")'],
    ]);
  });

  it('reads several calls in order, of both notations', () => {
    const text = `${xml('a', '1')} and ${hermes('b', { code: '2' })}\n<function=c>3`;
    expect(codes(text)).to.deep.equal([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ]);
    expect(codes('<function=a>\n<function=b>\n</function>').map(([name]) => name)).to.deep.equal(['a', 'b']);
  });

  it('reads JSON calls: arguments as object or text, a list, cut, with a bare NaN', () => {
    expect(codes(hermes('f', '{"code": "a()"}'))).to.deep.equal([['f', 'a()']]);
    expect(codes(hermes('f', { x: 1 }))).to.deep.equal([['f', '{"x":1}']]);
    expect(codes('<tool_call>[{"name": "f", "arguments": {}}, {"name": "g"}]</tool_call>')).to.deep.equal([
      ['f', '{}'],
      ['g', ''],
    ]);
    expect(codes('<tool_call>{"name": "f", "arguments": {"x": NaN, "code": "a()"}}</tool_call>')).to.deep.equal([
      ['f', 'a()'],
    ]);
    expect(codes('<tool_call>{"name": "f", "arguments": {"code": "x\\nread_file(\\"a')).to.deep.equal([
      ['f', '{"code": "x\nread_file("a'],
    ]);
    expect(codes('<tool_call>{"arguments": {}}</tool_call>')).to.deep.equal([]);
    expect(codes('<tool_call>{oops</tool_call>')).to.deep.equal([]);
  });

  it('reads a loop of 20,000 unclosed calls', () => {
    expect(textCalls('<function=a>x'.repeat(20_000))).to.have.length(20_000);
    expect(textCalls('<tool_call>{'.repeat(5_000))).to.deep.equal([]);
  });
});

describe('native calls', () => {
  const code = (given: unknown) => nativeCalls([{ function: { name: 'f', arguments: given } }])[0]?.code;

  it('takes code, else python, else any text argument, else the raw text', () => {
    expect(code('{"python": "b()", "code": "a()"}')).to.equal('a()');
    expect(code('{"x": "c()", "python": "b()"}')).to.equal('b()');
    expect(code('{"n": 1, "x": "c()", "y": "d()"}')).to.equal('c()\nd()');
    expect(code('{"code": ["a()"]}')).to.equal('{"code": ["a()"]}');
    expect(code('{"code": "a(')).to.equal('{"code": "a(');
    expect(code('"a()"')).to.equal('a()');
    expect(code({ code: 'a()' })).to.equal('a()');
    expect(code(undefined)).to.equal('');
  });

  it('ignores what is no call', () => {
    for (const odd of [null, 'x', {}, [null], [1], [{}], [{ function: null }], [{ function: { name: 7 } }]])
      expect(nativeCalls(odd), JSON.stringify(odd)).to.deep.equal([]);
    expect(nativeCalls([{ name: 'f', arguments: '{}' }])).to.have.length(1);
  });
});

describe('an answer as the scorer reads it', () => {
  const read = (message: Record<string, unknown>) => readAnswer(completion(message), 'execute_code');

  it('leaves thoughts out', () => {
    expect(withoutThoughts('<think>a</think>b')).to.deep.equal({ text: 'b', thoughts: 'a' });
    expect(withoutThoughts('b<think>a').text).to.equal('b');
    expect(withoutThoughts('a</think>b').text).to.equal('b');
    expect(withoutThoughts('<think>a<think>b</think>c</think>d').text).to.equal('d');
    expect(withoutThoughts('x<think>a</think>y<think>b</think>z').text).to.equal('xyz');
    expect(read({ content: '<think>read_file</think>\n' })).to.include({ text: '\n', thought: true });
    expect(read({ content: '', reasoning: 'hm' })?.thought).to.equal(true);
    expect(read({ content: '', reasoning_content: 'hm' })?.thought).to.equal(true);
    expect(read({ content: '<think>\n\n</think>', reasoning: '' })?.thought).to.equal(false);
  });

  it('lets the first native call decide, in a text the first of the wrapper, else the first', () => {
    const calls = [
      { function: { name: 'a', arguments: '{}' } },
      { function: { name: 'execute_code', arguments: '{}' } },
    ];
    expect(read({ content: xml('execute_code', 'x'), tool_calls: calls })?.deciding?.name).to.equal('a');
    expect(read({ content: xml('a', '1') + xml('execute_code', '2') })?.deciding?.code.trim()).to.equal('2');
    expect(read({ content: xml('a', '1') + xml('b', '2') })?.deciding?.name).to.equal('a');
    expect(read({ content: 'nothing' })?.deciding).to.equal(null);
  });

  it('reads content that is null or a list of parts, and says what is no completion', () => {
    expect(read({ content: null })?.text).to.equal('');
    expect(read({ content: [{ type: 'text', text: 'a' }, 3, { type: 'text', text: 'b' }] })?.text).to.equal('ab');
    for (const odd of [null, 'x', 7, [], {}, { choices: 3 }, { choices: [] }, { choices: [{}] }])
      expect(readAnswer(odd, 'w'), JSON.stringify(odd)).to.equal(null);
  });
});
