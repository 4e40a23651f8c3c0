"""The brokers that the integration tests share, one start of each for all of them."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "platform")]

from embedded_broker import EmbeddedBroker  # noqa: E402
from kafka_client import KafkaClient  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402


@pytest.fixture(scope="session")
def kafka():
    """A client of an Apache Kafka that nobody stops."""
    with KafkaCluster.temporary() as cluster:
        yield KafkaClient(cluster.bootstrap)


@pytest.fixture(scope="session")
def secure_cluster():
    """An Apache Kafka with TLS, SASL and access control, which a test may stop and has to start again."""
    with KafkaCluster.temporary(tls=True, sasl=True, acls=True) as cluster:
        yield cluster


@pytest.fixture
def embedded_broker():
    with EmbeddedBroker.temporary() as broker:
        yield broker


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sidecars")
