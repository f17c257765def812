"""Writes reference.jsonl: 200 random tables and what SciPy and statsmodels say of each.

Made with Python 3.11, scipy 1.17.1, statsmodels 0.15.0, numpy 2.4.6 (the first line of the file tells the versions):

    python3 -m venv /tmp/stats && /tmp/stats/bin/pip install scipy==1.17.1 statsmodels==0.15.0
    /tmp/stats/bin/python test/core/stats/reference.py

The seed is fixed: run again, the file comes out the same. Scores are written in thirtieths (0, .1, 1/3, .5, .7, 1 = 0, 3,
10, 15, 21, 30), so that they are exact.
"""

import json
import pathlib
import platform

import numpy as np
import pandas as pd
import scipy
import statsmodels
from scipy import integrate, optimize, stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW, ttost_ind

TABLES = 200
THIRTIETHS = [0, 3, 10, 15, 21, 30]
random = np.random.default_rng(20261122)


def main():
    versions = {
        "python": platform.python_version(),
        "scipy": scipy.__version__,
        "statsmodels": statsmodels.__version__,
        "numpy": np.__version__,
    }
    lines = [versions] + [table() for _ in range(TABLES)]
    text = "".join(json.dumps(short(line), separators=(",", ":")) + "\n" for line in lines)
    (pathlib.Path(__file__).parent / "reference.jsonl").write_text(text)


def table():
    """One random case: inputs in full, results to 12 digits."""
    prompts = int(random.integers(2, 16))
    scores = {side: random.choice(THIRTIETHS, size=(int(random.integers(2, 5)), prompts), p=weights()) for side in "ab"}
    means = {side: gaussian(int(random.integers(2, 11))) for side in "ab"}
    return {
        "a": scores["a"].tolist(),
        "b": scores["b"].tolist(),
        "means_a": means["a"].tolist(),
        "means_b": means["b"].tolist(),
        "mean_interval": DescrStatsW(means["a"]).tconfint_mean(),
        "welch": welch(means["a"], means["b"]),
        "equivalence": equivalence(means["a"], means["b"]),
        "one_more": one_more(means["a"]),
        "prompt_interval": DescrStatsW(np.append(scores["a"][0] / 30, [0, 1])).tconfint_mean(),
        "new_prompts": new_prompts(scores["a"] / 30),
        "sign_flip": sign_flip(scores["a"][0], scores["b"][0]),
        "share": share(),
        "holm": holm(),
        "power": power(),
        "sd_interval": sd_interval(means["a"]),
    }


def weights():
    return random.dirichlet(np.ones(len(THIRTIETHS)))


def gaussian(size):
    """Run means in points; their spread is anything from 0.3 to 30."""
    spread = 0.3 * 100 ** random.random()
    while True:
        values = np.round(random.normal(50, spread, size), 2)
        if values.std() > 0:
            return values


def welch(a, b):
    found = stats.ttest_ind(a, b, equal_var=False)
    low, high = found.confidence_interval(0.95)
    return {"t": found.statistic, "p": found.pvalue, "df": found.df, "low": low, "high": high}


def equivalence(a, b):
    margin = round(float(random.uniform(0.5, 30)), 1)
    p, _, _ = ttost_ind(a, b, -margin, margin, usevar="unequal")
    return {"margin": margin, "p": p}


def one_more(runs):
    value = round(float(random.normal(50, 20)), 1)
    t = (value - runs.mean()) / (runs.std(ddof=1) * np.sqrt(1 + 1 / len(runs)))
    return {"value": value, "t": t, "p": 2 * stats.t.sf(abs(t), len(runs) - 1)}


def new_prompts(scores):
    """The interval by the formula of the docstring of newPromptsInterval, on the mean squares of anova_lm."""
    runs, prompts = scores.shape
    cells = pd.DataFrame(
        [(run, prompt, scores[run, prompt]) for run in range(runs) for prompt in range(prompts)],
        columns=["run", "prompt", "score"],
    )
    squares = anova_lm(ols("score ~ C(run) + C(prompt)", cells).fit())["mean_sq"]
    ms_r, ms_p, ms_e = squares["C(run)"], squares["C(prompt)"], squares["Residual"]
    spread = max(ms_p + ms_r - ms_e, ms_p, ms_r)
    if spread < 1e-20:
        return {"low": scores.mean(), "high": scores.mean()}
    parts = ms_p**2 / (prompts - 1) + ms_r**2 / (runs - 1) + ms_e**2 / ((prompts - 1) * (runs - 1))
    df = max((ms_p + ms_r - ms_e) ** 2 / parts, runs - 1)
    half = stats.t.ppf(0.975, df) * np.sqrt(spread / (prompts * runs))
    return {"low": scores.mean() - half, "high": scores.mean() + half}


def sign_flip(a, b):
    """Every swap within pairs, in whole numbers: no tie is lost to rounding."""
    found = stats.permutation_test(
        (a.astype(float), b.astype(float)),
        lambda one, other, axis: np.sum(one - other, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    return found.pvalue


def share():
    n = int(random.choice([1, 2, 3, 5, 8, 20, 27, 200]))
    k = int(random.integers(0, n + 1))
    low, high = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    return {"k": k, "n": n, "low": low, "high": high}


def holm():
    ps = np.round(random.random(int(random.integers(1, 9))) ** 3, 3)
    return {"ps": ps.tolist(), "adjusted": multipletests(ps, method="holm")[1].tolist()}


def power():
    """The difference with 80 % power at sd 1, by quad over the chi distribution of the sample sd."""
    a, b = (int(value) for value in random.integers(2, 21, size=2))
    df = a + b - 2
    critical = stats.t.ppf(0.975, df)
    # `s` is the sample sd over the true one: a chi value over sqrt(df).
    of_sd = stats.chi(df, scale=1 / np.sqrt(df))

    def found(shift):
        at = lambda s: of_sd.pdf(s) * (stats.norm.cdf(shift - critical * s) + stats.norm.cdf(-shift - critical * s))
        return integrate.quad(at, 0, 10, points=[1], epsabs=1e-12, epsrel=1e-12, limit=200)[0]

    shift = optimize.brentq(lambda value: found(value) - 0.8, 0, 40, xtol=1e-12)
    return {"a": a, "b": b, "detectable": shift * np.sqrt(1 / a + 1 / b)}


def sd_interval(runs):
    df = len(runs) - 1
    sd = runs.std(ddof=1)
    low, high = (sd * np.sqrt(df / stats.chi2.ppf(p, df)) for p in (0.975, 0.025))
    return {"sd": sd, "df": df, "low": low, "high": high}


def short(value):
    """The same with every float cut to 12 digits: enough for 1e-7."""
    if isinstance(value, dict):
        return {key: short(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [short(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.12g}")
    return value


main()
