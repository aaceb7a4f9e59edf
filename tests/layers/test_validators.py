"""Custom validators: what they see, and what their verdicts do."""

import pytest

from agentguard import InvalidInputError, guard
from tests.layers.bodies import BoomError, Script
from tests.matrix.ways import Way


@pytest.mark.parametrize(("verdict", "text"), [(False, "strict"), ("too dear", "too dear")])
def test_a_validator_that_says_no_refuses(verdict, text, call: Way):
    body = Script("ok")

    def strict(ctx):
        return verdict

    with pytest.raises(InvalidInputError, match=text):
        call(guard(body, custom_validators=[strict]))
    assert body.runs == 0


@pytest.mark.parametrize("verdict", [None, True, 0, 1])
def test_any_other_verdict_lets_the_call_through(verdict, call: Way):
    assert call(guard(Script("ok"), custom_validators=[lambda ctx: verdict])) == "ok"


def test_validators_see_the_cast_arguments(call: Way):
    seen = []

    def body(x: int):
        return x

    call(guard(body, validate_input=True, custom_validators=[lambda ctx: seen.append(ctx.arguments)]), "5")
    assert seen == [{"x": 5}]


def test_validators_are_not_asked_about_what_does_not_fit(call: Way):
    validator = Script(None)

    def body(x: int):
        return x

    with pytest.raises(InvalidInputError):
        call(guard(body, validate_input=True, custom_validators=[validator]), "x")
    assert validator.runs == 0


def test_the_first_validator_that_refuses_is_the_last_one_asked(call: Way):
    second = Script(None)
    with pytest.raises(InvalidInputError):
        call(guard(Script("ok"), custom_validators=[lambda ctx: "no", second]))
    assert second.runs == 0


def test_what_a_validator_raises_reaches_the_caller_and_the_body_does_not_run(call: Way):
    body, error = Script("ok"), BoomError("mine")
    with pytest.raises(BoomError) as caught:
        call(guard(body, custom_validators=[Script(error)], max_retries=3))
    assert caught.value is error
    assert body.runs == 0
