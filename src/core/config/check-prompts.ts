import {
  clockWarning,
  ignoredTexts,
  type Rendered,
  type RenderJob,
  renderRequests,
  templateRefusalHint,
  templateRefusalText,
} from '../score/rendering.ts';
import { promptSubset } from '../select/choose.ts';
import type { SuiteReader } from './check-settings.ts';
import type { Lookups, RunDraft } from './lookups.ts';
import { type Checked, nothingFound, type Path, together } from './problem.ts';

export interface CheckedPrompts extends Checked {
  /** The `warnings` about what could not be checked now: eval renders the prompts again. */
  readonly transient: readonly string[];
}

type PromptLookups = Pick<Lookups, 'render' | 'hash'>;

/** A suite for a model, and the config key that names it. */
interface Asking {
  readonly path: Path;
  readonly job: RenderJob;
  /** An engine has the server and may send it prompts other than the suite's, so a refusal is only likely. */
  readonly byEngine: boolean;
}

/** Renders prompts with the chat templates of the models that are here. What cannot be checked is a warning. */
export async function checkPrompts(
  runs: readonly RunDraft[],
  lookups: PromptLookups,
  suites: Pick<SuiteReader, 'read'>,
): Promise<CheckedPrompts> {
  // The seeds of a variant have the same prompts.
  const variants = [...new Map(runs.map((run) => [run.variant, run])).values()];
  const askings = (await Promise.all(variants.map((run) => askingsOf(run, lookups, suites)))).flat();
  const distinct = [...new Map(askings.map((one) => [JSON.stringify([one.job, one.byEngine]), one])).values()];
  if (distinct.length === 0) return { ...nothingFound, transient: [] };
  const rendered = await lookups.render(distinct.map(({ job }) => job));
  const checked = distinct.map((asking, index) => checkAsking(asking, rendered[index]));
  const { findings, warnings } = together(...checked);
  return {
    findings,
    warnings: [...new Set(warnings)],
    transient: [...new Set(checked.flatMap(({ transient }) => transient))],
  };
}

async function askingsOf(run: RunDraft, lookups: PromptLookups, suites: Pick<SuiteReader, 'read'>): Promise<Asking[]> {
  const { eval: evaluated, select } = run.settings;
  const model = run.from !== null && 'model' in run.from ? run.from.model : (run.model?.folder ?? null);
  if (model === null) return [];
  const above = run.variant === null ? [] : ['variants', run.variant];
  const asked: Asking[] = [];
  const evalSuite = evaluated.engine?.server === false ? null : await suites.read(evaluated.suite);
  if (evalSuite !== null && 'suite' in evalSuite) {
    const job = { model, requests: renderRequests(evalSuite.suite, evaluated) };
    asked.push({ path: [...above, 'eval', 'suite'], job, byEngine: evaluated.engine !== undefined });
  }
  const path = run.chain.includes('select') ? select.suite : undefined;
  const selectSuite = path === undefined ? null : await suites.read(path);
  if (path !== undefined && selectSuite !== null && 'suite' in selectSuite) {
    const hash = await lookups.hash(path);
    const whole = selectSuite.suite;
    const suite = 'sha256' in hash ? promptSubset(whole, select.prompts ?? null, hash.sha256) : whole;
    const job = { model, requests: renderRequests(suite, evaluated) };
    asked.push({ path: [...above, 'select', 'suite'], job, byEngine: false });
  }
  return asked;
}

function checkAsking({ path, job, byEngine }: Asking, rendered: Rendered | undefined): CheckedPrompts {
  const key = path.join('.');
  if (rendered?.ok !== true) {
    const why = rendered?.failed ?? 'no answer';
    const unchecked = [`${key}: the prompts were not checked with the chat template: ${why}`];
    return { findings: [], warnings: unchecked, transient: unchecked };
  }
  const { refused, skipped, templated } = rendered.rendering;
  const said = `${templateRefusalText(refused)}. The template is that of ${job.model}`;
  const hint = templateRefusalHint(refused);
  const clock = clockWarning(rendered.rendering);
  return {
    findings: refused.length === 0 || byEngine ? [] : [{ path, message: said, hint }],
    transient: [],
    warnings: [
      ...(refused.length > 0 && byEngine ? [`${key}: ${said}; ${hint}. eval.engine may ask other prompts`] : []),
      ...(clock === null ? [] : [`${key}: ${clock}`]),
      ...ignoredTexts(rendered.rendering).map((text) => `${key}: ${text}`),
      ...(templated ? [] : [`${key}: ${job.model} has no chat template, so mlx_lm writes prompts as \`USER: ...\``]),
      ...(skipped.length === 0
        ? []
        : [`${key}: ${skipped.length} prompts with images were not checked with the chat template`]),
    ],
  };
}
