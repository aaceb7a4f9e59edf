import gc

import pytest


@pytest.fixture(scope="module")
def small_heap():
    """Make `gc.collect()` cheap: it then looks at what the tests make, not at everything that pytest has loaded."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
