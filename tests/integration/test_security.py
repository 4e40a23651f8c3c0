"""The whole path, a retry and a dead letter included, over each way to reach a Kafka that is not open to all: settings
pass through to librdkafka by its names."""

import pytest

from kafka_client import KafkaClient, Record
from kafka_cluster import PASSWORD
from sidecars import Queue, Sidecar
from worker import Worker


def sasl(mechanism):
    return {"sasl.mechanism": mechanism, "sasl.username": "drover", "sasl.password": PASSWORD}


def settings(cluster, way):
    tls = cluster.dir / "tls"
    ca = {"ssl.ca.location": str(tls / "ca.pem")}
    certificate = {"ssl.certificate.location": str(tls / "drover.pem"), "ssl.key.location": str(tls / "drover.key")}
    return {
        "SSL": {"security.protocol": "SSL"} | ca | certificate,
        "SASL_PLAINTEXT": {"security.protocol": "SASL_PLAINTEXT"} | sasl("SCRAM-SHA-512"),
        "SASL_SSL": {"security.protocol": "SASL_SSL"} | ca | sasl("SCRAM-SHA-256"),
    }[way]


@pytest.mark.parametrize("way", ["SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_A1_jobs_run_are_retried_and_dead_lettered_over(secure_cluster, folder, way):
    client = KafkaClient(secure_cluster.bootstrap_of(way), settings(secure_cluster, way))
    queue = Queue(client, folder)
    answers = {"good": [200], "once": [500, 200], "bad": [400]}

    def answer(job):
        return answers[job.key][job.attempt - 1]

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*(Record(b"x", key.encode()) for key in answers))
        worker.wait_for(lambda jobs: len(jobs) == 4, "four hand-overs")
        letter, = queue.dead(count=1)
        assert letter.key == b"bad"
        queue.wait_until_committed(3)
        sidecar.stop()


def test_B1_credentials_come_from_a_folder_that_a_secret_is_mounted_at(secure_cluster, folder):
    wanted = settings(secure_cluster, "SSL")
    queue = Queue(KafkaClient(secure_cluster.bootstrap_of("SSL"), wanted), folder)
    secret = folder / "secret"
    kept = secret / "..2026_11_26"  # as the kubelet does: the files are links into it
    kept.mkdir(parents=True)
    (secret / "..data").symlink_to(kept.name)
    for name, text in {"security.protocol": "SSL\n", "ssl.ca.pem": (secure_cluster.dir / "tls" / "ca.pem").read_text(),
                       "ssl.certificate.location": wanted["ssl.certificate.location"],
                       "ssl.key.location": wanted["ssl.key.location"]}.items():
        (kept / name).write_text(text)
        (secret / name).symlink_to(f"..data/{name}")
    with Worker() as worker:
        config = queue.config(worker.port, kafka={"bootstrap.servers": secure_cluster.bootstrap_of("SSL")})
        with Sidecar(config, folder, env={"DROVER_KAFKA_SETTINGS": str(secret)}) as sidecar:
            queue.produce(Record(b"x"))
            queue.wait_until_committed(1)
            sidecar.stop()


def test_a_client_without_a_certificate_is_refused_and_the_sidecar_says_so(secure_cluster, folder):
    queue = Queue(KafkaClient(secure_cluster.bootstrap), folder)
    queue.produce(Record(b"x"))
    bare = settings(secure_cluster, "SSL") | {"bootstrap.servers": secure_cluster.bootstrap_of("SSL")}
    del bare["ssl.certificate.location"], bare["ssl.key.location"]
    with Worker() as worker, queue.sidecar(worker, kafka=bare) as sidecar:
        sidecar.wait_for_log(lambda line: line["level"] == "error" and "error" in line, "refusal")
        assert sidecar.wait_for(lambda stats: stats["trouble"] != "", "trouble")["partitions"] == 0
        sidecar.stop()
        assert not worker.jobs
