"""How much of the corpus is found, and how little else: `python -m bench.redaction` prints the figures."""

import re

import pytest

from agentguard.policies.redaction import Redactor
from bench.redaction import measured
from tests.policies import secrets_corpus
from tests.policies.secrets_corpus import ALPHABETS, harmless_cases, secret_cases

REDACTOR = Redactor()


@pytest.fixture(scope="module", params=["", "two"])
def found(request):
    return measured(REDACTOR, request.param)


def test_of_a_hundred_secrets_ninety_eight_are_found(found):
    assert found.recall >= 0.98, [case.value for case in found.missed[:20]]


def test_of_a_hundred_values_that_are_replaced_ninety_five_are_secrets(found):
    assert found.precision >= 0.95, [case.value for case in found.changed[:20]]


def test_the_corpus_is_large_and_the_same_each_time():
    secrets, harmless = list(secret_cases()), list(harmless_cases())
    assert secrets == list(secret_cases())
    assert len(secrets) > 1_500
    assert len(harmless) > 900
    assert len({case.kind for case in secrets}) > 45
    assert all(case.secrets for case in secrets)
    assert not any(case.secrets for case in harmless)


def test_without_a_redactor_that_knows_anything_all_secrets_are_missed():
    class Blind:
        def has_secret(self, json_text):
            return False

        def redact(self, tree):
            return tree

        def redact_text(self, text):
            return text

    nothing = measured(Blind())
    assert nothing.recall == 0
    assert nothing.changed == []


def test_no_committed_template_is_itself_a_secret():
    with open(secrets_corpus.__file__, encoding="utf-8") as file:
        text = file.read()
    drawn = re.findall(r"\{([a-z])\d+\}", text)
    assert len(drawn) > 200
    assert set(drawn) <= set(ALPHABETS)
    assert not re.search(r"(?:gh[pousr]_|glpat-|xox[bp]-|AKIA|AIza|sk_live_|hf_)[A-Za-z0-9]{12,}", text)
