// What came of the nights, counted: one block a case, one line a manager.

const count = (list, wanted) => list.filter(wanted).length;
/** Both experiments ended, and nothing was made of half an input. */
const right = ({ whole, halves, missing }) => whole === 2 && halves.length === 0 && missing.length === 0;
const each = (list) => [...new Set(list)].join(', ') || '–';

/** The nights as Markdown tables. */
export function table(results) {
  const kinds = [...new Set(results.map(({ kind }) => kind))];
  return kinds
    .map((kind) =>
      block(
        kind,
        results.filter((one) => one.kind === kind),
      ),
    )
    .join('\n\n');
}

function block(kind, results) {
  const names = [...new Set(results.map(({ name }) => name))].sort();
  const lines = names.map((name) => {
    const all = results.filter((one) => one.name === name);
    const nights = all.filter(({ error }) => error === undefined);
    const of = (wanted) => `${count(nights, wanted)}/${nights.length}`;
    return [
      name,
      of(({ finished, person }) => finished && person.length === 0),
      of((night) => night.finished && night.person.length === 0 && right(night)),
      of(({ twice }) => twice.length > 0),
      of(({ repeated }) => repeated.length > 0),
      of(({ overlaps }) => overlaps.length > 0),
      of(({ halves }) => halves.length > 0),
      each(nights.map(({ person }) => person.join(' -> ')).filter((text) => text !== '')),
      String(all.length - nights.length),
    ].join(' | ');
  });
  return [
    `### ${kind}`,
    '',
    '| manager | ended without a person | ... with right results | a stage started again | ... that had ended | two at once | half read as whole | a person did | not played |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}
