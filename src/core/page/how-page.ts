/** Sections of how.md: what each figure of the comparison means, what it assumes, and how far it may be trusted. */
const sections: readonly (readonly [heading: string, text: string])[] = [
  [
    'Scores',
    `A prompt scores 0 to 1; a prompt that was asked several times has the mean of its repeats. A category and *overall* are means over prompts, in percent.
*Lenient*: the wrapper was called and an expected name is in its code 1, wrapper without 0.1, no wrapper but the name somewhere in the answer 0.5. *Strict*: a name counts only as a whole identifier, and prose never scores. A prompt with \`match: all\` scores the share of its names (0.1 more for the wrapper, at most 1); one with \`assert\` the weighted mean of its assertions, lenient and strict alike.
\`eval.score_by\` says which of the two gate and outcomes read; both are kept. \`phasebox score\` gives them again from the kept answers, with no model.
Suite, prompts, system prompt, temperature, max_tokens, stop, scorer, concurrency and versions are the identity of an evaluation: scores of different identity are not compared without saying so.`,
  ],
  [
    'Ways of answering',
    `The first that holds: timeout, error, empty, wrapped (wrapper and a name), wrong_tool (wrapper without, or an unexpected call), direct_call, cut (out of tokens), thinking (thoughts only), prose. Counts are over all answers.
A prompt is *missed* with at most 0.1, the points of the wrapper alone, by the scorer of the gate. A run *alone gets* it where no other of three and more has over 0.5.
Runs of one recipe that differ by many points often differ in the way of answering: then the mean of both describes neither.`,
  ],
  [
    '95 % confidence interval of the mean',
    `Student's t over the means of the runs, n - 1 degrees of freedom: where the mean of this recipe *on this suite* may lie. The runs (seeds) are the sample; the prompts are fixed.
Simulated (20,000 repetitions, \`npm run bench:stats\`): a nominal 95 % range holds in 94.9, 95.1 and 95.1 % of cases with 3, 5 and 10 runs.
It assumes that the scores of runs have one peak (a bell curve). If runs fall into modes far apart, few runs may all show the same mode and the range misses. Two modes, equally likely, 3 standard deviations apart (+-1.5): it holds in 91.7 % with 3 runs, 93.3 % with 5; at +-3 in 81.6, 93.6 and 94.3 % with 3, 5 and 10; at +-6 in 75.5, 93.8 and 94.1 %. One mode in 80 % of the runs, the other in 20 %: at +-3 in 87.3, 81.9 and 88.9 %; at +-6 in 68.4, 67.7 and 88.9 %. So below 5 runs it can miss the mean in 1 of 4 cases; where one mode is rare in 1 of 3, and there 5 runs do not help. No bootstrap is used: with 3 to 5 runs one that draws prompts and runs covers 54 to 93 % instead of 95 %.`,
  ],
  [
    '95 % interval on new prompts',
    `Runs and prompts both as samples: two-way analysis of variance over n runs x P prompts, V = (MS_prompt + MS_run - MS_residual) / (P n), not below max(MS_prompt, MS_run) / (P n), degrees of freedom by Satterthwaite, at least n - 1. Simulated with 27 prompts (sd of prompts 30, rest 20): with 3 and 5 runs it holds in 95.6 and 95.0 % where runs differ by sd 5, in 93.9 and 95.0 % where they differ by sd 15.
*This model* (one run): Student's t over its P prompts with two more, one that scores 0 and one that scores 1 ("plus two"), P + 1 degrees of freedom. It is about this one model on new prompts and never about another seed. Simulated with 27 prompts that score 0 or 1: it holds in 94.6 % at a mean of .5, 93.5 % at .78 (its worst), 98.6 % at .9, 99.9 % at .97; with points 0, .1, .5, 1 in 96.1 %. Plain t and the bootstrap have no width at 27 of 27.`,
  ],
  [
    'Gate, undecided',
    `Gate and outcomes belong to the config and are stored with its hash and the time of acceptance, before the first run. The verdict is the gate on the means of the done runs. *All 3 seeds pass* (or fail): every run agrees with it. *Undecided*: one does not, or the checkpoint was chosen on the prompts that are reported.
*k of n pass (95 % interval a-b %)*: the interval of the true share of runs that pass (Clopper-Pearson, for any formula). Runs that judged the very same model count once, as one model. Three of three runs still leave 29 to 100 %. A failed gate is a result, not an error.`,
  ],
  [
    'One against the other',
    `*Two and more runs a side*: Welch's t test over run means. Runs of A and B are no pairs, whatever their seeds. Simulated with 3 a side: the 95 % range holds in 94.1 to 96.6 % over sd pairs 29/29, 29/5, 5/5, 3/3; with 5 a side in 94.7 to 95.9 %; with 3 against 5 in 93.6 to 95.6 %.
*A variant against the runs that it branches off*: these do share a training, so they are pairs: Student's t over their differences, n - 1 degrees of freedom.
*The same within 5 points?* Two one-sided Welch tests at 5 %: yes. The whole 95 % range outside: no. Else: cannot tell, which is the usual answer.
*One run each*: sign-flip (Fisher-Pitman) test on the differences in points, exact where their common denominator is at most 10,000 (and the prompts are not thousands), else 100,000 random flips ("simulated"). It speaks of these two models. False alarms between models that are alike: 4.1 % (equal means, other shapes: 5.4 %). As a word on recipes its false alarms are about 11, 30, 45 and 67 % where runs of one recipe differ by sd 5, 10, 15 and 29 (\`npm run bench:stats\`: 12, 29, 44, 66).
*One run against several, or a reference of one figure*: could it be one more draw? t = (b - mean) / (s sqrt(1 + 1/n)), n - 1 degrees of freedom.
*The very same model again* (a seed given twice can make the same bytes; a folder that several runs only evaluate): one draw of the recipe, however often it is judged. *All runs of both sides alike*: a formula would give a range without width and p = 0; that is no knowledge, so nothing is tested.
*Categories*: from 3 runs a side Welch, adjusted by Holm over the categories; below, counts of prompts and "too few to test": with one run each no category of fewer than 6 prompts could ever reach p < .05.
*Fixed, regressed*: prompts on which the first scores more, less than the second, by means over runs.`,
  ],
  [
    'How many runs',
    `The spread between runs is pooled over the phases of the same base model, suite and evaluation that have two runs and more; the page names them. *Would find a difference of d points in 4 of 5 cases*: power 80 %, two-sided 5 %. *Runs per side that are needed to detect it*: the same turned round, once with each end of the range in which the true spread may lie (chi-squared); from 3 runs that is a factor 0.52 to 6.3, from 5 runs 0.60 to 2.9. *At least n*: at the upper end of that range it is more than 20. More than 20 at both ends: change the recipe instead. Three runs are a first look, five are worth a claim.`,
  ],
  [
    'Checkpoints chosen by score',
    `\`select.by: suite\` scores every saved checkpoint on a suite of its own and takes the best; of equals the last. On the suite that is reported itself the winner's score is partly luck: *optimistic by about b*: 200 resamples of the prompts, choose on the resample, score on the prompts left out, b = the mean difference. b leans to caution: of equal checkpoints, 4 on 27 prompts, it says 13.6 where the true gain is 9.9. A gate on such a score is at best undecided.
\`by: val_loss\` measures every checkpoint again on all valid rows, as mlx_lm defines it: it also counts the padding token after each row. The training log's own val loss is measured on a few rows and jumps.`,
  ],
  [
    'What fuse and quantize cost',
    `D is what the adapter adds to the weights. *step*: its size in steps of the base's grid. *kept* = <W_final - W_base, D> / <D, D>: the share of D that is in the final weights (1 all, 0 rounded away). *snr* = |D| / |W_final - W_base - D|: D against what rounding changed beside it. *KL*, *top-1*: how far base + adapter and the final model agree, token by token, on the answers that this run gave. *gain kept* = (L_base - L_final) / (L_base - L_adapter), L the loss of the answers of all valid rows (not mlx_lm's val loss, which counts padding too); it stays above 90 % even where many points are lost.
Measured on 432 models made from 72 adapters of the demo: KL and top-1 tell the lost score best (AUC .93 and .92), snr nearly as well with no forward pass; at 5 bits nothing does. *kept* tells only erasure at 4 bits on a 4-bit base. So they warn and never decide. A harmless requantisation moves the score too: sd 4 points on 27 prompts at 5 bits, 3 at 6, 1.4 at 8. The control is a \`raw\` variant (\`fuse: {mode: none}\`).`,
  ],
  [
    'Trust',
    `*model verified*: the answers came from a server that this run started itself (a nonce asked of it was found in the log of our own child), that served this run's model and nothing else, and model and suite are pinned by sha256. [Provenance of every row](runs.md); \`phasebox diff RUN RUN\` lists what differs between two.`,
  ],
  [
    'Time and disk',
    `Seconds of each stage are sums over all attempts. *temp disk*: the largest that the run's folder was, less what stays. GB = 2^30 bytes.`,
  ],
];

/** artifacts/how.md: every figure of the comparison explained. */
export function renderHow(): string {
  const body = sections.map(([heading, text]) => `## ${heading}\n\n${text}`);
  return `${['# How to read the comparison', '[The comparison](COMPARISON.md)', ...body].join('\n\n')}\n`;
}
