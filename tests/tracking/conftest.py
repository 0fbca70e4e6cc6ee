"""Runs that are told to trackers."""

import pytest
from helpers import Colours, evaluate, write_questions

from mmbench import Generation, Usage


class Mixed(Colours):
    """Right, wrong, truncated, refused and failed answers."""

    def answer(self, request):
        number = int(request.sample_id[1:])
        if number == 3:
            raise ValueError("no")
        if number == 5:
            return Generation("red", Usage(1, 2), finish_reason="length")
        return "red"


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Nine questions: three right, four wrong, one failed, one cut off."""
    tmp_path = tmp_path_factory.mktemp("tracked")
    return evaluate(Mixed(), write_questions(tmp_path, 9), tmp_path, batch_size=1).path
