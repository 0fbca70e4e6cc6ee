"""``sheets``: a task of its own kind, scored by Somers' D."""

import re

import mmbench
from mmbench_sheets.images import COUNT, is_damaged, sheet
from mmbench_sheets.metric import somers_d

QUESTION = "How likely is it that this sheet is damaged? Answer with a number from 0 to 1."


class DamagedSheets(mmbench.PerSampleTask):
    """How likely is it that a sheet of paper is damaged?"""

    columns = ("score", "label")
    info = mmbench.TaskInfo(
        name="sheets",
        version="1",
        description="how likely is it that a sheet of paper is damaged?",
        dataset=mmbench.DatasetInfo("sheets", "1", licence="CC0-1.0", citation="mmbench, examples/plugin"),
        request_kinds=frozenset({"generate"}),
        primary=("somers_d",),
    )

    @property
    def metrics(self):
        """One metric, of this package's own."""
        return [somers_d()]

    def fingerprint(self):
        """What the data are: they follow from the number of sheets."""
        return f"sheets 0 to {COUNT - 1}"

    def samples(self, split="test"):
        """One sample for each sheet."""
        return [mmbench.Sample(f"{split}-{n}", (sheet(n), QUESTION), (str(int(is_damaged(n))),)) for n in range(COUNT)]

    def requests(self, sample):
        """The image and the question."""
        return [mmbench.Generate(parts=sample.parts, max_new_tokens=8)]

    def score_sample(self, sample, response):
        """The number in the answer beside the label; an answer without a number counts as 0 and says so."""
        found = re.search(r"\d*\.?\d+", str(response.output))
        score = min(float(found.group()), 1.0) if found else 0.0
        why = None if found else "no number in the answer: taken as 0"
        values = {"score": score, "label": float(sample.references[0])}
        return mmbench.SampleScore(values, answer=found and found.group(), explanation=why)
