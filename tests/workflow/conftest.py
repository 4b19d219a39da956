"""Checkouts that all tests of the workflow share."""

import pytest
from snakemake_checkout import Checkout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Checkout:
    """A checkout that nothing has been made in."""
    return Checkout(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Checkout:
    """A checkout in which everything has been made at the scale `tiny`."""
    made = Checkout(tmp_path_factory.mktemp("finished"))
    made.edit("config.yaml", "scale: small", "scale: tiny")
    made.succeeding()
    return made
