/** A value of a table. Null is an empty field. */
export type CsvValue = string | number | null;

/** Numbers that are not finite are written as Python and pandas read them. */
function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'nan';
  return value > 0 ? 'inf' : '-inf';
}

function field(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value === 'number') return numberText(value);
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** A line of a CSV file, quoted as in RFC 4180. Lines end with LF, as other tools of a terminal write them. */
export const csvLine = (values: readonly CsvValue[]): string => `${values.map(field).join(',')}\n`;
