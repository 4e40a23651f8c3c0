"""An Apache Kafka for the schedulers' tests."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parents[1] / place) for place in ("platform", "integration"))]

from kafka_cluster import KafkaCluster  # noqa: E402
from schedulers import Schedulers  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    with KafkaCluster.temporary() as started:
        yield started


@pytest.fixture
def schedulers(cluster, tmp_path):
    """Topics and schedulers of one test."""
    with Schedulers(cluster, tmp_path) as made:
        yield made
