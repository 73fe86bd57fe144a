"""What the command line sends to the operator's API is what the API reads."""

from shared.runtime.operator_api import AcceptGap, Resume


def test_a_resume_of_one_partition_is_not_a_resume_of_all():
    asked = Resume.model_validate({"lane": "intake.cases[0]", "reason": "the disk is back"})

    assert asked.partition == "intake.cases[0]"


def test_a_gap_is_accepted_of_the_partition_that_was_named():
    asked = AcceptGap.model_validate({"lane": "intake.cases[0]", "reason": "lost with the disk"})

    assert asked.partition == "intake.cases[0]"
