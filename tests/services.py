"""What some tests need besides Python: packages of extras, and servers. Absent, these tests are skipped, and say so;
with AGENTGUARD_REQUIRE_SERVICES=1 they fail.
"""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from urllib.parse import quote

import pytest

POSTGRES = os.environ.get("AGENTGUARD_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
"""The database for tests; each uses a schema of its own there, and drops it."""


def required(module: str) -> ModuleType:
    """The module, which an extra brings."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        return _missing(f"{error.name} is not installed")


@contextmanager
def postgres_schema() -> Iterator[str]:
    """The address of an empty schema in the database for tests."""
    psycopg = required("psycopg")
    try:
        connection = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        _missing(f"no PostgreSQL at AGENTGUARD_TEST_POSTGRES, by default {POSTGRES}: {error}")
    schema = f"agentguard_test_{os.urandom(6).hex()}"
    connection.execute(f"CREATE SCHEMA {schema}")
    try:
        joint = "&" if "?" in POSTGRES else "?"
        yield f"{POSTGRES}{joint}options={quote(f'-csearch_path={schema}')}"
    finally:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.close()


def _missing(what: str) -> ModuleType:
    if os.environ.get("AGENTGUARD_REQUIRE_SERVICES"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what, allow_module_level=True)
