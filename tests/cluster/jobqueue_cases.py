"""JobQueues that `drover validate` and an API server with Drover's CRD have to agree on."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

KAFKA = "kafka: {bootstrapServers: 'kafka:9092'}"
WORKER = "worker: {template: {spec: {containers: [{name: app, image: mailer}]}}}"


def queue(*lines, kafka=KAFKA, worker=WORKER, name="email"):
    """A JobQueue with these lines in its spec, beside what every one needs."""
    spec = "".join(f"  {line}\n" for line in (kafka, worker, *lines) if line)
    return f"apiVersion: drover.dev/v1alpha1\nkind: JobQueue\nmetadata: {{name: {name}}}\nspec:\n{spec}"


def kafka(more):
    return queue(kafka=KAFKA.replace("}", f", {more}}}"))


EVERYTHING = """
apiVersion: drover.dev/v1alpha1
kind: JobQueue
metadata:
  name: email
  labels: {team: mail}
  annotations: {drover.dev/local-command: python3 worker.py}
spec:
  kafka:
    bootstrapServers: a:9092,b:9092
    authSecret: kafka-client
    topic: mails
    partitions: 6
    replicationFactor: 1
    deleteTopics: true
    settings: {linger.ms: 5, socket.keepalive.enable: 'true', client.rack: '007'}
  worker:
    container: app
    template:
      metadata: {labels: {app: mailer}}
      spec: {containers: [{name: app, image: mailer, ports: [{containerPort: 8080}]}]}
  delivery:
    mode: pull
    port: 9000
    path: /jobs?a=b%20c
    concurrency: 16
    timeout: 1m30s
    ordering: key
    rateLimit: {max: 100, per: 2s}
    keyRateLimit: {max: 1, per: 1m}
    batch: {maxSize: 10, maxWait: 500ms}
    asyncCompletion: true
    maxPayload: 1Mi
    maxDrain: 10s
  retry: {maxAttempts: 4, backoff: linear, initial: 1s, maxDelay: 1m, jitter: 0.25, delays: [0s, 2s, 4s]}
  deadLetter: {retention: 24h}
  priorities: [background, normal, critical]
  retention: {completed: {age: 1h, count: 10}, failed: {age: 2h, count: 0}}
  schemas: {send-email: {type: object, required: [to]}, any: {}}
  scaling: {minReplicas: 1, maxReplicas: 3, targetWait: 10s, targetLag: 5, idleAfter: 5s,
            schedules: [{start: 0 8 * * mon-fri, end: 0 18 * * mon-fri, timeZone: Europe/Berlin, minReplicas: 2}]}
  paused: true
  events: true
"""

GOOD = {
    "least": queue(),
    "everything": EVERYTHING,
    "a Deployment": queue("targetRef: {name: mailer}", worker=None),
    "a Deployment, said in full": queue("targetRef: {apiVersion: apps/v1, kind: Deployment, name: a.b-c}", worker=None),
    "nothing in each part": queue("delivery: {batch: {}}", "retry: {}", "deadLetter: {}", "schemas: {}",
                                  "retention: {completed: {}, failed: {}}", "scaling: {}"),
    "null is as good as nothing": queue("delivery: {timeout: null, rateLimit: ~, batch: {maxSize: null}}", "retry: null",
                                        "priorities: null", "targetRef: null", "paused: null", "schemas: {a: null}"),
    "a null setting": kafka("settings: {linger.ms: null}, topic: null"),
    "the longest name": queue(name="a" * 63),
    "the shortest name": queue(name="'7'"),
    "servers": queue(kafka="kafka: {bootstrapServers: '[::1]:9092,kafka.example:9093'}"),
    "the longest servers": queue(kafka=f"kafka: {{bootstrapServers: '{'k' * 4096}'}}"),
    "the longest topic": kafka(f"topic: {'t' * 217}"),
    "all that a topic may have": kafka("topic: _a.B-9"),
    "a hundred settings": kafka("settings: {" + ", ".join(f"a{i}: x" for i in range(100)) + "}"),
    "a pod that only the API server's dry run judges": queue(worker="worker: {template: {any: [1, {thing: null}]}}"),
    "least numbers": queue(
        "delivery: {port: 1, concurrency: 1, timeout: 1ms, rateLimit: {max: 1, per: 1ms}, maxPayload: 1, maxDrain: 0s}",
        "retry: {maxAttempts: 1, initial: 0s, maxDelay: 0s, jitter: 0}", "deadLetter: {retention: 1ms}",
        "retention: {completed: {age: 1ms, count: 0}}",
        "scaling: {minReplicas: 0, maxReplicas: 1, targetWait: 1ms, targetLag: 1, idleAfter: '0'}"),
    "largest numbers": queue(
        "delivery: {port: 65535, concurrency: 1000, timeout: 24h, rateLimit: {max: 1000000000, per: 24h}, "
        "batch: {maxSize: 10000, maxWait: 1h}, maxPayload: 100Mi, maxDrain: 24h}",
        "retry: {maxAttempts: 100, initial: 168h, maxDelay: 168h, jitter: 1}", "deadLetter: {retention: 87600h}",
        "retention: {failed: {age: 87600h, count: 1000000000}}",
        "scaling: {minReplicas: 1000, maxReplicas: 1000, targetWait: 24h, targetLag: 1000000000, idleAfter: 24h}"),
    "schedules": queue("scaling: {schedules: [{start: '@daily', end: '30 0 8 * jan ?', minReplicas: 1}, "
                       "{start: '*/5 0-6/2 1,L * 1-5', end: '59 23 31 12 *', timeZone: Etc/GMT+5, minReplicas: 20}]}"),
    "no schedule": queue("scaling: {schedules: []}"),
    "every unit of time": queue("retry: {initial: 1h2m3s4ms5us, maxDelay: 4000s}"),
    "sizes in bytes": queue("delivery: {maxPayload: 104857600}"),
    "sizes as text": queue("delivery: {maxPayload: '500'}"),
    "sizes by thousands": queue("delivery: {maxPayload: 104M}"),
    "fifty delays": queue(f"retry: {{delays: [{', '.join(['1s'] * 50)}]}}"),
    "delays in place of the formula": queue("retry: {initial: 20m, delays: [10m, '0']}"),
    "the longest path": queue(f"delivery: {{path: '/{'p' * 1023}'}}"),
    "asynchronous batches by pull": queue("delivery: {asyncCompletion: true, mode: pull, batch: {maxSize: 2}}"),
    "batches in order": queue("delivery: {ordering: key, batch: {maxSize: 2}}"),
    "all lanes": queue("priorities: [low, critical, background, high, normal]"),
    "a lane beside the normal one": queue("priorities: [high]"),
    "YAML's other ways": queue("paused: yes", "delivery: {concurrency: 0x10}"),
}

# What is wrong, and the field that both have to name.
BAD = [
    (queue(name="status"), "metadata.name"),
    (queue(name="test"), "metadata.name"),
    (queue(name="a.b"), "metadata.name"),
    (queue(name="Email"), "metadata.name"),
    (queue(name="email-"), "metadata.name"),
    (queue(name="a" * 64), "metadata.name"),
    (queue(kafka=None), "spec.kafka"),
    (queue(kafka="kafka: {}"), "spec.kafka.bootstrapServers"),
    (queue(kafka="kafka: {bootstrapServers: null}"), "spec.kafka.bootstrapServers"),
    *((queue(kafka=f"kafka: {{bootstrapServers: {servers}}}"), "spec.kafka.bootstrapServers")
      for servers in ("''", "','", "',a:1'", "'a:1,'", "'a:1,,b:1'", "'a:1, b:1'", "é:1", "k" * 4097, "9092", "[a:1]")),
    (kafka("authSecret: Kafka"), "spec.kafka.authSecret"),
    (kafka("authSecret: ''"), "spec.kafka.authSecret"),
    (kafka("authSecret: a..b"), "spec.kafka.authSecret"),
    (kafka(f"authSecret: {'.'.join(['a' * 50] * 5)}"), "spec.kafka.authSecret"),
    *((kafka(f"topic: {topic}"), "spec.kafka.topic") for topic in ("''", "'.'", "'..'", "__a", "a/b", "t" * 218,
                                                                            "drover.events", "drover.delayed")),
    *((kafka(f"partitions: {count}"), "spec.kafka.partitions") for count in (0, 1001, 1.5, "'12'")),
    *((kafka(f"replicationFactor: {count}"), "spec.kafka.replicationFactor") for count in (0, 101)),
    (kafka("deleteTopics: please"), "spec.kafka.deleteTopics"),
    (kafka("settings: [linger.ms]"), "spec.kafka.settings"),
    (kafka("settings: {" + ", ".join(f"a{i}: x" for i in range(101)) + "}"), "spec.kafka.settings"),
    *((kafka(f"settings: {{a: {value}}}"), "spec.kafka.settings.a") for value in ("true", "1.5", "[1]", "{b: c}")),
    (kafka("topics: a"), "spec.kafka.topics"),
    (queue(worker=None), "spec.worker"),
    (queue(worker="worker: {}"), "spec.worker.template"),
    (queue(worker="worker: {container: app}"), "spec.worker.template"),
    (queue(worker="worker: {template: pod}"), "spec.worker.template"),
    (queue(worker="worker: {container: App, template: {}}"), "spec.worker.container"),
    (queue(worker="worker: {container: a.b, template: {}}"), "spec.worker.container"),
    (queue(worker="worker: {image: a, template: {}}"), "spec.worker.image"),
    (queue("targetRef: {name: mailer}"), "spec.targetRef"),
    (queue("targetRef: {}", worker=None), "spec.targetRef.name"),
    (queue("targetRef: {name: Mailer}", worker=None), "spec.targetRef.name"),
    (queue("targetRef: {kind: StatefulSet, name: a}", worker=None), "spec.targetRef.kind"),
    (queue("targetRef: {apiVersion: v1, name: a}", worker=None), "spec.targetRef.apiVersion"),
    *((queue(f"delivery: {{{field}: {value}}}"), f"spec.delivery.{field}") for field, values in {
        "mode": ("pus", "''", "true"),
        "port": (0, 65536, "'8080'"),
        "path": ("jobs", "''", "'/a b'", "'/a#b'", "/é", r'"/a\r\nb"', "/" + "p" * 1024),
        "concurrency": (0, 1001, 8.5, 99999999999999999999),
        "timeout": ("0s", "999us", "24h1ms", "1.5s", "[1s]", "30", "'30'", "''", "1s1s", "1s1m", "1d", "' 1s'", "-1s",
                    "99999999999999999999h", "9223372036854775807us"),
        "ordering": ("keys", "[]"),
        "rateLimit": ("100", "[]"),
        "asyncCompletion": ("1", "'true'"),
        "maxDrain": ("-1s", "25h"),
        "maxPayload": ("128KB", "0", "'0'", "101Mi", "104857601", "1.5", "-1", "1Ti", "''", "true", "[1]", "1e3Ki",
                       "99999999999999999999Gi"),
    }.items() for value in values),
    (queue("delivery: {asyncCompletion: true, batch: {maxSize: 2}}"), "spec.delivery.asyncCompletion"),
    (queue("delivery: {rateLimit: {per: 1s}}"), "spec.delivery.rateLimit.max"),
    (queue("delivery: {rateLimit: {max: 0}}"), "spec.delivery.rateLimit.max"),
    (queue("delivery: {rateLimit: {max: 1000000001}}"), "spec.delivery.rateLimit.max"),
    (queue("delivery: {keyRateLimit: {max: 1, per: 0s}}"), "spec.delivery.keyRateLimit.per"),
    (queue("delivery: {keyRateLimit: {max: 1, by: 1s}}"), "spec.delivery.keyRateLimit.by"),
    (queue("delivery: {batch: {maxSize: 0}}"), "spec.delivery.batch.maxSize"),
    (queue("delivery: {batch: {maxSize: 10001}}"), "spec.delivery.batch.maxSize"),
    (queue("delivery: {batch: {maxWait: 2h}}"), "spec.delivery.batch.maxWait"),
    (queue("delivery: {concurency: 8}"), "spec.delivery.concurency"),
    (queue("delivery: []"), "spec.delivery"),
    *((queue(f"retry: {{{field}: {value}}}"), f"spec.retry.{field}") for field, values in {
        "maxAttempts": (0, 101),
        "backoff": ("quadratic",),
        "initial": ("0", "169h", "11m", "soon"),
        "maxDelay": ("169h", "''", "10"),
        "jitter": (1.1, -0.1, "'0.1'", "much"),
        "delays": ("[]", "2s", "[11m]", "[1s, 11m]", f"[{', '.join(['1s'] * 51)}]"),
    }.items() for value in values),
    (queue("retry: {delays: [2s, 4]}"), "spec.retry.delays[1]"),
    (queue("retry: {delays: [2s, soon]}"), "spec.retry.delays[1]"),
    (queue("retry: {maxDelay: '0'}"), "spec.retry.initial"),
    (queue("retry: {maxDelay: 0s, delays: [1us]}"), "spec.retry.delays"),
    (queue("deadLetter: {retention: 0s}"), "spec.deadLetter.retention"),
    (queue("deadLetter: {retention: 87601h}"), "spec.deadLetter.retention"),
    (queue("deadLetter: {retention: 7d}"), "spec.deadLetter.retention"),
    *((queue(f"priorities: {lanes}"), "spec.priorities")
      for lanes in ("[]", "{high: true}", "high", "[low, high, normal, critical, background, low]")),
    (queue("priorities: [hihg]"), "spec.priorities[0]"),
    (queue("priorities: [high, high]"), "spec.priorities[1]"),
    (queue("retention: {completed: {age: 7d}}"), "spec.retention.completed.age"),
    (queue("retention: {completed: {count: -1}}"), "spec.retention.completed.count"),
    (queue("retention: {failed: {count: 1000000001}}"), "spec.retention.failed.count"),
    (queue("retention: {dead: {age: 1h}}"), "spec.retention.dead"),
    *((queue(f"schemas: {{a: {schema}}}"), "spec.schemas.a") for schema in (5, "true", "text", "[]")),
    (queue("schemas: []"), "spec.schemas"),
    *((queue(f"scaling: {{{field}: {value}}}"), f"spec.scaling.{field}") for field, values in {
        "minReplicas": (-1, 1001, 21),
        "maxReplicas": (0, 1001),
        "targetWait": ("0s", "25h"),
        "targetLag": (0, 1000000001),
        "idleAfter": ("25h", "60"),
    }.items() for value in values),
    (queue("scaling: {minReplicas: 5, maxReplicas: 2}"), "spec.scaling.minReplicas"),
    *((queue(f"scaling: {{schedules: [{{{schedule}}}]}}"), f"spec.scaling.schedules[0].{field}") for schedule, field in (
        ("end: 0 8 * * *, minReplicas: 1", "start"),
        ("start: 0 8 * * *, minReplicas: 1", "end"),
        ("start: 0 8 * * *, end: 0 9 * * *", "minReplicas"),
        ("start: 0 8 * *, end: 0 9 * * *, minReplicas: 1", "start"),
        ("start: '', end: 0 9 * * *, minReplicas: 1", "start"),
        ("start: at eight, end: 0 9 * * *, minReplicas: 1", "start"),
        ("start: 0 8 * * *, end: '@never', minReplicas: 1", "end"),
        ("start: 0 8 * * *, end: 0 8 * * *, minReplicas: 1", "end"),
        ("start: 0 8 * * *, end: 0 9 * * *, minReplicas: 0", "minReplicas"),
        ("start: 0 8 * * *, end: 0 9 * * *, minReplicas: 1, timeZone: nowhere at all", "timeZone"),
        ("start: 0 8 * * *, end: 0 9 * * *, minReplicas: 1, timeZone: ''", "timeZone"),
        ("start: 0 8 * * *, end: 0 9 * * *, minReplicas: 1, until: noon", "until"))),
    (queue("scaling: {schedules: [{start: 0 8 * * *, end: 0 9 * * *, minReplicas: 21}]}"), "spec.scaling.schedules"),
    (queue("scaling: {schedules: {start: 0 8 * * *}}"), "spec.scaling.schedules"),
    (queue("paused: maybe"), "spec.paused"),
    (queue("events: 1"), "spec.events"),
    (queue("nonsense: 1"), "spec.nonsense"),
    (queue().replace("spec:", "specs:"), "specs"),
]


def _between(path, start, end):
    text = (ROOT / path).read_text()
    begin = text.index(start) + len(start)
    return text[begin:text.index(end, begin)]


# Settings of librdkafka that Drover sets itself, and those that have a field of their own.
OWNED_SETTINGS = re.findall(r'"([a-z.]+)"', _between("src/jobqueue/parse_queues.cpp", "owned_settings{", "};"))
REFUSED_SETTINGS = {name: kafka(f"settings: {{{name}: x}}")
                    for name in (*OWNED_SETTINGS, "bootstrap.servers", "metadata.broker.list")}
