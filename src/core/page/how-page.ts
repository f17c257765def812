/** Sections of how.md: what each figure of the comparison means, what it assumes, and how often it is right. */
const sections: readonly (readonly [heading: string, text: string])[] = [
  [
    'Scores',
    `A prompt scores 0 to 1. The score of a prompt that was asked several times is the mean of its repeats. A category and *overall* are means over prompts, in percent.
*Lenient*: 1 if the wrapper was called with an expected name in its code, 0.1 for the wrapper without such a name, 0.5 for the name anywhere in an answer without the wrapper. *Strict*: a name counts only as a whole identifier, and prose never scores. A prompt with \`match: all\` scores the share of its names (and 0.1 for the wrapper, at most 1). A prompt with \`assert\` scores the weighted mean of its assertions, lenient and strict alike.
\`eval.score_by\` decides which of the two scores gate and outcomes read. Both are kept. \`phasebox score\` computes them again from the kept answers, without a model.
Suite, prompts, system prompt, temperature, max_tokens, stop, scorer, concurrency and versions are the identity of an evaluation. Scores with different identities are never compared without a note.`,
  ],
  [
    'Ways of answering',
    `The mode of an answer is the first that applies: timeout, error, empty, wrapped (wrapper and a name), wrong_tool (wrapper without a name, or an unexpected call), direct_call, cut (out of tokens), thinking (thoughts only), prose. The counts are over all answers.
A run *misses* a prompt if it scores at most 0.1, which are the points of the wrapper alone, by the scorer of the gate. With three or more runs, a run *alone gets* a prompt if no other run scores more than 0.5.
Runs of one recipe that differ by many points often answer in different ways. The mean then describes neither.`,
  ],
  [
    '95 % confidence interval of the mean',
    `Student's t over the means of the runs, with n - 1 degrees of freedom: where the mean of this recipe *on this suite* may be. The runs (seeds) are the sample, and the prompts are fixed.
In simulations (20,000 repetitions, \`npm run bench:stats\`) a nominal 95 % interval contains the mean in 94.9, 95.1 and 95.1 % of cases with 3, 5 and 10 runs.
This assumes that the scores of runs have one peak (a bell curve). If runs fall into two modes far apart, a few runs may all show the same mode, and the interval misses the mean. With two equally likely modes that are 3 standard deviations apart (+-1.5), it contains the mean in 91.7 % with 3 runs and 93.3 % with 5; at +-3 in 81.6, 93.6 and 94.3 % with 3, 5 and 10 runs; at +-6 in 75.5, 93.8 and 94.1 %. With one mode in 80 % of the runs and the other in 20 %, these are 87.3, 81.9 and 88.9 % at +-3, and 68.4, 67.7 and 88.9 % at +-6. So with fewer than 5 runs the interval can miss the mean in 1 of 4 cases. With a rare mode it can miss it in 1 of 3, even with 5 runs. The bootstrap is not used: with 3 to 5 runs, a bootstrap over prompts and runs covers 54 to 93 % instead of 95 %.`,
  ],
  [
    '95 % interval on new prompts',
    `Runs and prompts are both samples: two-way analysis of variance over n runs x P prompts, with V = (MS_prompt + MS_run - MS_residual) / (P n), not below max(MS_prompt, MS_run) / (P n), and degrees of freedom by Satterthwaite, at least n - 1. Simulated with 27 prompts (sd of prompts 30, residual 20), it contains the mean in 95.6 % (3 runs) and 95.0 % (5 runs) if runs differ by sd 5, and in 93.9 and 95.0 % if they differ by sd 15.
*This model* (one run): Student's t over its P prompts and two more, one that scores 0 and one that scores 1 ("plus two"), with P + 1 degrees of freedom. It is about this one model on new prompts, and never about another seed. Simulated with 27 prompts that score 0 or 1, it contains the mean in 94.6 % at a mean of .5, 93.5 % at .78 (the worst case), 98.6 % at .9 and 99.9 % at .97. With scores of 0, .1, .5 and 1 it does in 96.1 %. Plain t and the bootstrap have width 0 at 27 of 27.`,
  ],
  [
    'Gate, undecided',
    `Gate and outcomes belong to the config. They are stored with its hash and the time of acceptance, before the first run. The verdict is the gate on the means of the done runs. *All 3 seeds pass* (or fail) means that every run agrees with the verdict. *Undecided* means that one does not, or that the checkpoint was chosen on the prompts that are reported.
*k of n pass (95 % interval a-b %)* is the confidence interval of the true share of runs that pass (Clopper-Pearson, for any formula). Runs that evaluated exactly the same model count once, as one model. Three passing runs of three still leave 29 to 100 %. A failed gate is a result, not an error.`,
  ],
  [
    'One against the other',
    `*Two or more runs per side*: Welch's t test over run means. Runs of A and B are not pairs, even if they have the same seeds. Simulated with 3 runs per side, the 95 % interval contains the difference in 94.1 to 96.6 % for the sd pairs 29/29, 29/5, 5/5 and 3/3; with 5 per side in 94.7 to 95.9 %; with 3 against 5 in 93.6 to 95.6 %.
*A variant against the runs that it branches off*: these share a training, so they are pairs. The test is Student's t over their differences, with n - 1 degrees of freedom.
*The same within 5 points?* Two one-sided Welch tests at 5 % say yes. The whole 95 % interval outside of these points says no. Otherwise the answer is "cannot tell", which is the usual one.
*One run each*: a sign-flip (Fisher-Pitman) test on the differences in points. It is exact if their common denominator is at most 10,000 (and there are not thousands of prompts), and uses 100,000 random flips ("simulated") otherwise. It is about these two models. Between models that are alike, 4.1 % of its results are false alarms (5.4 % with equal means and other shapes). As a claim about recipes, about 11, 30, 45 and 67 % are false alarms if runs of one recipe differ by sd 5, 10, 15 and 29 (\`npm run bench:stats\`: 12, 29, 44, 66).
*One run against several, or a reference with one figure*: could it be one more run of the recipe? t = (b - mean) / (s sqrt(1 + 1/n)), with n - 1 degrees of freedom.
*Exactly the same model again* (a seed that is given twice can make the same bytes, and several runs can evaluate one folder): this is one sample of the recipe, however often it is evaluated. *All runs of both sides alike*: a formula would give an interval of width 0 and p = 0, which nothing supports, so nothing is tested.
*Categories*: from 3 runs per side, Welch's test adjusted by Holm over the categories. With fewer runs, counts of prompts and "too few to test": with one run each, a category of fewer than 6 prompts could never reach p < .05.
*Fixed* and *regressed*: prompts on which the first scores more or less than the second, by means over runs.`,
  ],
  [
    'How many runs',
    `The spread between runs is pooled over the phases with the same base model, suite and evaluation that have two or more runs. The page names them. *Would find a difference of d points in 4 of 5 cases*: power 80 %, two-sided 5 %. *Runs per side that are needed to detect it* is the same calculation in the other direction, once for each end of the interval of the true spread (chi-squared). With 3 runs that interval is a factor of 0.52 to 6.3, with 5 runs 0.60 to 2.9. *At least n* means that the upper end of the interval needs more than 20 runs. If both ends need more than 20, change the recipe instead. Three runs are a first look, and five are worth a claim.`,
  ],
  [
    'Checkpoints chosen by score',
    `\`select.by: suite\` scores every saved checkpoint on a suite of its own and uses the best, or the last of equally good ones. On the suite that is reported, the score of the best is partly luck. *Optimistic by about b* estimates this: in 200 resamples of the prompts, choose on the resample, and score on the prompts left out; b is the mean difference. b is cautious: for 4 equal checkpoints on 27 prompts it is 13.6 where the true gain is 9.9. A gate on such a score is at best undecided.
\`by: val_loss\` measures every checkpoint again on all valid rows, as mlx_lm defines the loss: it also counts the padding token after each row. The val loss in the training log is measured on a few rows and jumps.`,
  ],
  [
    'What fuse and quantize cost',
    `D is what the adapter adds to the weights. *step*: its size in steps of the base's grid. *kept* = <W_final - W_base, D> / <D, D>: the share of D that is in the final weights (1 all, 0 rounded away). *snr* = |D| / |W_final - W_base - D|: D compared with what rounding changed in addition. *KL*, *top-1*: how far base + adapter and the final model agree, token by token, on the answers that this run gave. *gain kept* = (L_base - L_final) / (L_base - L_adapter), where L is the loss of the answers of all valid rows (not mlx_lm's val loss, which counts padding too). It stays above 90 % even if many points are lost.
Measured on 432 models made from 72 adapters of the demo, KL and top-1 predict a lost score best (AUC .93 and .92). snr is nearly as good without a forward pass. At 5 bits nothing predicts it. *kept* only shows erasure at 4 bits on a 4-bit base. So these figures lead to warnings and never to a verdict. A harmless requantisation changes the score too: by sd 4 points on 27 prompts at 5 bits, 3 at 6 bits and 1.4 at 8 bits. The control is a \`raw\` variant (\`fuse: {mode: none}\`).`,
  ],
  [
    'Trust',
    `*model verified* means three things. The answers came from a server that this run started itself: a nonce in a request was found in the log of that process. The server had this run's model and no other. Model and suite are identified by sha256. [Provenance of every row](runs.md) has the details, and \`phasebox diff RUN RUN\` lists what differs between two runs.`,
  ],
  [
    'Time and disk',
    `Seconds of each stage are sums over all attempts. *temp disk*: the largest size of the run's folder, minus what stays. GB = 2^30 bytes.`,
  ],
];

/** artifacts/how.md: every figure of the comparison explained. */
export function renderHow(): string {
  const body = sections.map(([heading, text]) => `## ${heading}\n\n${text}`);
  return `${['# How to read the comparison', '[The comparison](COMPARISON.md)', ...body].join('\n\n')}\n`;
}
