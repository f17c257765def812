import type { CheckReport } from '../../events/data-report.ts';
import { printable } from '../printable.ts';
import { taughtText } from '../taught-text.ts';

type CheckedReport = Pick<CheckReport, 'profile' | 'stops' | 'warnings'>;

/** The result of the data check for a planned run. */
export type PlannedData =
  | { readonly checked: true; readonly report: CheckedReport }
  | { readonly checked: false; readonly reason: string };

/** What would be taught, one fact per line. */
export function taughtItems(data: PlannedData): string[] {
  if (!data.checked) return [`not checked: ${printable(data.reason)}`];
  const { profile } = data.report;
  return profile === null ? [] : taughtText(profile);
}

/** Why no training on this data would start, and what to know about it: each sentence once for all runs. */
export function dataFindings(all: readonly (PlannedData | null)[]): { stops: string[]; warnings: string[] } {
  const reports = all.flatMap((data) => (data?.checked ? [data.report] : []));
  const once = (texts: readonly string[]): string[] => [...new Set(texts.map(printable))];
  return {
    stops: once(reports.flatMap(({ stops }) => stops.map(({ message }) => message))),
    warnings: once(reports.flatMap(withoutCounts)),
  };
}

/** The warnings of a report without those that only repeat a count of `taughtItems`. */
function withoutCounts({ profile, warnings }: CheckedReport): readonly string[] {
  const counts = profile === null ? [] : taughtText(profile);
  return warnings.filter((warning) => !counts.includes(warning));
}
