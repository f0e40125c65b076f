"""The answer of an ablation in words: whether what was taken away had helped, where it was meant to.

The question is asked before the numbers are seen: the MAE inside the lesion, or in the foreground where no case has a
lesion; where the labels are anatomical structures, inside these if the lesion-mask loss is what is changed. From six
cases on the answer is *lower* or *higher* only if the interval over seeds and cases (over cases for one seed) excludes
no difference and every seed says the same; of fewer cases, if every case and every seed says the same, and the answer
says that this is no test. Otherwise it is that no difference could be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from voxlate.config.recipe import Overrides
from voxlate.errors import counted
from voxlate.evaluation.statistics import FEWEST_TO_TEST
from voxlate.evaluation.study.paired import VariantDifference
from voxlate.evaluation.summary import Summary
from voxlate.evaluation.verdict import say_hidden
from voxlate.evaluation.words import after_value, signed
from voxlate.regions import FOREGROUND, LESION, STRUCTURES, in_words
from voxlate.training.studies.variants import WITH, WITHOUT

METRIC = "mae"
Answer = Literal["lower", "higher", "none"]


@dataclass(frozen=True)
class AblationVerdict:
    """What an ablation found.

    Attributes:
        sentence: The answer in plain words, with its numbers.
        region: Where the question was asked.
        answer: Whether the MAE there is lower or higher with what was taken away, or neither could be shown.
    """

    sentence: str
    region: str
    answer: Answer


def judge_ablation(
    comparisons: Sequence[VariantDifference],
    summary: Summary,
    *,
    changes: Overrides,
    confidence: float = 0.95,
) -> AblationVerdict:
    """Whether the error is lower with what was taken away, by how much, on how many seeds and cases.

    Args:
        comparisons: As ``voxlate.evaluation.study.paired.compare_variants`` gives them for ``with`` and ``without``.
        summary: As ``voxlate.evaluation.summarise`` gives it for the means over the seeds.
        changes: What was changed in ``without``.
        confidence: Confidence of the intervals.
    """
    rows = {row.region: row for row in comparisons if row.metric == METRIC and row.pair.n > 0}
    region = _where(rows, changes)
    if region not in rows:
        return AblationVerdict("Nothing can be said: no held-out case could be scored with every seed.", region, "none")
    row = rows[region]
    answer = _answer(row)
    stands, changed = _sides(changes)
    measured = f"the {row.title} in the {in_words(region)}"
    relation = {
        "lower": f"{measured} is lower than {changed}",
        "higher": f"{measured} is higher, which is worse, than {changed}",
        "none": f"no difference of {measured} could be shown against {changed}",
    }[answer]
    sentences = [f"{stands} {relation}: {_evidence(row, confidence=confidence)}.", *_reserve(row)]
    sentences += [_against_baselines(summary, region), say_hidden(summary)]
    return AblationVerdict(" ".join(filter(None, sentences)), region, answer)


def words_of(changes: Overrides) -> str:
    """The changes as one would type them: ``loss.lesion_mask=0``."""
    return ", ".join(
        f"{field}={value:g}" if isinstance(value, float) else f"{field}={value}" for field, value in changes.items()
    )


def is_removal(changes: Overrides) -> bool:
    """Whether nothing but terms of the loss is taken away."""
    return all(field.startswith("loss.") and value == 0 for field, value in changes.items())


def _where(rows: Mapping[str, VariantDifference], changes: Overrides) -> str:
    """The region that the question is about."""
    masked = any(field.startswith("loss.lesion_mask") for field in changes)
    wanted = (LESION, STRUCTURES) if masked else (LESION,)
    return next((region for region in wanted if region in rows), FOREGROUND)


def _sides(changes: Overrides) -> tuple[str, str]:
    """How a sentence calls the recipe as it stands, and as it was changed."""
    if is_removal(changes):
        return f"With {' and '.join(changes)}", "without"
    return "With the recipe as it stands", f"with {words_of(changes)}"


def _answer(row: VariantDifference) -> Answer:
    """See the module's opening; ``row`` subtracts ``without``."""
    signs = {_sign(one.difference) for one in row.seeds}
    if len(signs) > 1 or 0 in signs or _sign(row.pair.difference) not in signs:
        return "none"
    lower = row.pair.difference < 0
    if row.pair.n < FEWEST_TO_TEST:
        certain = row.pair.wins == row.pair.n if lower else row.pair.wins == row.pair.ties == 0
    else:
        interval = row.crossed_interval if len(row.seeds) > 1 else row.pair.interval
        certain = interval is not None and interval[0] * interval[1] > 0
    if not certain:
        return "none"
    return "lower" if lower else "higher"


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _evidence(row: VariantDifference, *, confidence: float) -> str:
    unit, difference = after_value(row.unit), signed(row.pair.difference, ".3g")
    parts = [f"{row.pair.mean:.4g} against {row.pair.baseline_mean:.4g}{unit} (difference {difference}"]
    interval, over = row.crossed_interval, "seeds and cases"
    if interval is None:
        interval, over = row.pair.interval, "cases"
    if interval is not None:
        ends = " to ".join(signed(end, ".3g") for end in interval)
        parts.append(f"{100 * confidence:g} % interval over {over} {ends}")
    seeds = len(row.seeds)
    lower = sum(_sign(one.difference) < 0 for one in row.seeds)
    cases = counted(row.pair.n, "held-out case")
    parts.append(f"lower with {lower} of {counted(seeds, 'seed')} and in {row.pair.wins} of {cases})")
    return ", ".join(parts)


def _reserve(row: VariantDifference) -> list[str]:
    """What the numbers cannot say."""
    said = []
    if row.pair.n < FEWEST_TO_TEST:
        said.append(f"Fewer than {FEWEST_TO_TEST} cases are too few for a test.")
    if len(row.seeds) == 1:
        said.append("One seed does not tell the change from the luck of training.")
    return said


def _against_baselines(summary: Summary, region: str) -> str:
    """Whether the two are worth comparing: a model that beats no lookup is not reported as working."""
    beating = []
    for variant in (WITH, WITHOUT):
        row = summary.find(method=variant, metric=METRIC, region=region)
        if row is not None and row.against and all(pair.beaten for pair in row.against.values()):
            beating.append(variant)
    baselines = " and ".join(summary.baselines)
    if not baselines:
        return ""
    if len(beating) == 2:
        return f"Both beat {baselines} there."
    if not beating:
        return f"Neither beats every baseline there ({baselines}), so neither is reported as working."
    return f"Only the model {beating[0]} beats {baselines} there."
