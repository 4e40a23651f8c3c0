#!/usr/bin/env python3
"""A real Apache Kafka for tests: one or three KRaft brokers on 127.0.0.1, in a folder of their own.

    kafka_cluster.py run [--brokers 3] [--tls] [--sasl] [--acls] [--set KEY=VALUE]... -- COMMAND...
        starts, runs COMMAND with DROVER_TEST_KAFKA* in its environment, stops; the exit code is the command's
    kafka_cluster.py up --dir D [the same options]      prints as JSON where it is; keeps running
    kafka_cluster.py kill|stop|start --dir D --node 2   kill -9, an orderly stop, a start on the same data and ports
    kafka_cluster.py down --dir D                       kills all of them; the folder stays

Every cluster has a plain listener, on which anyone may do anything. --tls adds one that demands a client certificate,
--sasl one with SCRAM-SHA-256 and SCRAM-SHA-512, both together a SASL_SSL one too. With --acls the user `drover` (also
the certificate's name) may do everything, the user `stranger` nothing. Needs the packages of deps/debian-tests.txt.
elsewhere=ADDRESS adds a plain one, ELSEWHERE, for clients in another network that reach its ports at that address.

Imported: `with KafkaCluster.temporary(brokers=3) as kafka: ... kafka.bootstrap ... kafka.kill(2)`.
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid

from processes import (dependency, end_with_parent, has_ended, open_process, orderly_exit, reserve_ports, run_command,
                       start_time, wait_until)

PASSWORD = "drover-secret"
USERS = ("drover", "stranger")
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")


class KafkaCluster:
    """Brokers 1 to n. All that is known about them lies in the folder, so several processes can work on one cluster."""

    def __init__(self, directory, home=None):
        self.dir = pathlib.Path(directory).resolve()
        self.home = home or dependency("kafka.sh")
        self._children = {}  # node: Popen, of those that this process has started
        self._reservations = []
        self._plan = None

    # --- life ---

    @classmethod
    @contextlib.contextmanager
    def temporary(cls, home=None, java_options=(), **plan):
        """A cluster in a new folder; both are gone at the end, however that comes."""
        directory = tempfile.mkdtemp(prefix="drover-kafka-")
        cluster = cls(directory, home)
        try:
            try:
                cluster.create(**plan)
                cluster.start(end_with=end_with_parent, java_options=java_options)
            except RuntimeError as error:
                # Somebody who reserves nothing may have taken a port meanwhile: once more, with others. What is wrong
                # with Kafka or its settings fails again.
                print(f"kafka_cluster: {error}", file=sys.stderr)
                cluster.kill_all()
                shutil.rmtree(directory)
                os.mkdir(directory)
                cluster = cls(directory, home)
                cluster.create(**plan)
                cluster.start(end_with=end_with_parent, java_options=java_options)
            yield cluster
        finally:
            cluster.kill_all()
            shutil.rmtree(directory)

    def create(self, brokers=1, base_port=None, tls=False, sasl=False, acls=False, settings=(), elsewhere=None):
        """Chooses the ports, makes certificates and users, formats the data folders."""
        if (self.dir / "cluster.json").exists():
            raise FileExistsError(f"{self.dir} holds a cluster already")
        self.dir.mkdir(parents=True, exist_ok=True)
        listeners = ["CONTROLLER", "PLAINTEXT"] + ["SSL"] * tls + ["SASL_PLAINTEXT"] * sasl + ["SASL_SSL"] * (tls and sasl)
        listeners += ["ELSEWHERE"] * (elsewhere is not None)
        count = brokers * len(listeners)
        if base_port is None:
            self._reservations = reserve_ports(count)
            ports = iter(sock.getsockname()[1] for sock in self._reservations)
        else:
            ports = iter(range(base_port, base_port + count))
        self._plan = {
            "nodes": {str(node): {name: next(ports) for name in listeners} for node in range(1, brokers + 1)},
            "acls": acls,
            "settings": list(settings),
            "elsewhere": elsewhere,
        }
        if tls:
            self._make_certificates()
        for node in self.nodes:
            self._write_properties(node)
        self._format()
        (self.dir / "cluster.json").write_text(json.dumps(self._plan))  # last: a folder without it is not a cluster

    def start(self, nodes=None, end_with=None, java_options=()):
        """Starts these nodes, or all, and returns when each of them serves. Fails with the broker's own words."""
        nodes = nodes or self.nodes
        for node in nodes:
            if self._pid(node):
                raise RuntimeError(f"node {node} is running")
            log = self._folder(node) / "kafka.log"
            with log.open("wb") as out:
                # A session of its own: Ctrl-C in the terminal is for the test, which then ends the brokers.
                child = subprocess.Popen(
                    self._java("-Xms256m", "-Xmx512m", *java_options, "kafka.Kafka", self._properties(node)),
                    stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                    start_new_session=True, preexec_fn=end_with)
            self._children[node] = child
            (self._folder(node) / "pid").write_text(f"{child.pid} {start_time(child.pid)}")
        for node in nodes:
            wait_until(lambda: self._has_started(node), f"answer of broker {node}")

    def kill(self, node):
        """kill -9, as a machine that lost its power would leave the others."""
        self._end(node, signal.SIGKILL)

    def stop(self, node):
        """An orderly stop: the node hands its partitions over first."""
        self._end(node, signal.SIGTERM)

    def kill_all(self):
        for node in self.nodes:
            self.kill(node)
        for child in self._children.values():
            child.wait()
        self._children = {}
        for sock in self._reservations:
            sock.close()
        self._reservations = []

    # --- what a client needs ---

    @property
    def nodes(self):
        return [int(node) for node in self._read_plan()["nodes"]] if self._known() else []

    @property
    def bootstrap(self):
        return self.bootstrap_of("PLAINTEXT")

    def bootstrap_of(self, listener):
        return ",".join(f"{self._host_of(listener)}:{ports[listener]}" for ports in self._read_plan()["nodes"].values())

    def has(self, listener):
        return listener in self._read_plan()["nodes"]["1"]

    def description(self):
        found = {"bootstrap": self.bootstrap, "dir": str(self.dir), "control": str(pathlib.Path(__file__).resolve())}
        if self.has("SSL"):
            tls = self.dir / "tls"
            found["tls"] = {"bootstrap": self.bootstrap_of("SSL"), "ca": str(tls / "ca.pem"),
                            "cert": str(tls / "drover.pem"), "key": str(tls / "drover.key")}
        if self.has("SASL_PLAINTEXT"):
            found["sasl"] = {"bootstrap": self.bootstrap_of("SASL_PLAINTEXT"), "user": USERS[0], "stranger": USERS[1],
                             "password": PASSWORD}
        if self.has("SASL_SSL"):
            found["sasl"]["tls"] = self.bootstrap_of("SASL_SSL")
        return found

    def environment(self):
        """The description as variables: bootstrap is DROVER_TEST_KAFKA, tls.ca is DROVER_TEST_KAFKA_TLS_CA."""

        def flat(prefix, value):
            if isinstance(value, str):
                return {prefix: value}
            return {name: text for key, part in value.items()
                    for name, text in flat(prefix if key == "bootstrap" else f"{prefix}_{key.upper()}", part).items()}

        return flat("DROVER_TEST_KAFKA", self.description())

    def pids(self):
        return {node: pid for node in self.nodes if (pid := self._pid(node))}

    # --- inside ---

    def _known(self):
        return self._plan is not None or (self.dir / "cluster.json").exists()

    def _read_plan(self):
        if self._plan is None:
            path = self.dir / "cluster.json"
            if not path.exists():
                raise FileNotFoundError(f"{self.dir} holds no cluster")
            self._plan = json.loads(path.read_text())
        return self._plan

    def _host_of(self, listener):
        """Where its clients are told to find it."""
        return self._read_plan()["elsewhere"] if listener == "ELSEWHERE" else "127.0.0.1"

    def _folder(self, node):
        if node not in self.nodes:
            raise ValueError(f"there is no node {node}, only {self.nodes}")
        return self.dir / f"node{node}"

    def _properties(self, node):
        return str(self._folder(node) / "server.properties")

    def _java(self, *arguments):
        # The archive of classes is valid for one class path in one order.
        jars = sorted(str(jar) for jar in (self.home / "libs").glob("*.jar"))
        archive = self.home / "kafka.jsa"
        return ["java", "-XX:+UseSerialGC", "-Djava.awt.headless=true", "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr",
                *([f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []),
                f"-Dlog4j2.configurationFile={self.home / 'log4j2.properties'}",
                "-cp", ":".join(jars), *arguments]

    def _write_properties(self, node):
        nodes = self._plan["nodes"]
        ports = nodes[str(node)]
        copies = min(3, len(nodes))
        in_sync = max(1, copies - 1)
        clients = [name for name in ports if name != "CONTROLLER"]
        settings = {
            "node.id": node,
            "process.roles": "broker,controller",
            "controller.quorum.voters": ",".join(f"{n}@127.0.0.1:{p['CONTROLLER']}" for n, p in nodes.items()),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
            "advertised.listeners": ",".join(f"{name}://{self._host_of(name)}:{ports[name]}" for name in clients),
            "listener.security.protocol.map": ",".join(
                ["CONTROLLER:PLAINTEXT", *(f"{name}:{'PLAINTEXT' if name == 'ELSEWHERE' else name}" for name in clients)]),
            "log.dirs": self.dir / f"node{node}" / "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "group.initial.rebalance.delay.ms": 0,
            # Small, as the machine that runs the tests is.
            "num.network.threads": 2,
            "num.io.threads": 2,
            "log.cleaner.dedupe.buffer.size": 16 << 20,
        }
        for internal, prefix in (("offsets.topic", "offsets.topic"), ("transaction.state.log", "transaction.state.log"),
                                 ("share.coordinator.state.topic", "share.coordinator.state.topic")):
            settings[f"{prefix}.replication.factor"] = copies
            settings[f"{prefix}.num.partitions"] = 4
            if internal != "offsets.topic":
                settings[f"{prefix}.min.isr"] = in_sync
        if "SSL" in ports:
            settings |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": self.dir / "tls" / "server-store.pem",
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": self.dir / "tls" / "ca.pem",
                "listener.name.ssl.ssl.client.auth": "required",
                "ssl.principal.mapping.rules": "RULE:^CN=(.*?)$/$1/",
            }
        if "SASL_PLAINTEXT" in ports:
            settings["sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
            for listener in ("sasl_plaintext", "sasl_ssl"):
                for mechanism in MECHANISMS:
                    settings[f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config"] = (
                        "org.apache.kafka.common.security.scram.ScramLoginModule required;")
        if self._plan["acls"]:
            settings |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS;User:drover",
            }
        lines = [f"{key}={value}" for key, value in settings.items()] + self._plan["settings"]
        folder = self.dir / f"node{node}"
        folder.mkdir()
        (folder / "server.properties").write_text("\n".join(lines) + "\n")

    def _format(self):
        # One that begins with a dash would read as an option: the top bits of this first byte rule that out.
        cluster_id = base64.urlsafe_b64encode(bytes([uuid.uuid4().bytes[0] & 0x7F]) + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        users = [f"{mechanism}=[name={user},password={PASSWORD}]"
                 for mechanism in MECHANISMS for user in USERS] if self.has("SASL_PLAINTEXT") else []
        formatting = {
            node: subprocess.Popen(
                self._java("-Xmx128m", "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format",
                           "-t", cluster_id, "-c", self._properties(node), *(a for user in users for a in ("--add-scram", user))),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for node in self.nodes
        }
        said = {node: child.communicate()[0] for node, child in formatting.items()}
        for node, child in formatting.items():
            if child.returncode:
                raise RuntimeError(f"the data folder of broker {node} cannot be formatted:\n{said[node]}")

    def _make_certificates(self):
        """A CA, a certificate of the brokers and one of the user `drover`, good for ten days."""
        tls = self.dir / "tls"
        tls.mkdir()

        def openssl(*arguments):
            done = subprocess.run(["openssl", *arguments], cwd=tls, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                raise RuntimeError(f"openssl {arguments[0]}: {done.stdout}")

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "10")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=drover test CA")
        for name, common_name in (("server", "127.0.0.1"), ("drover", "drover")):
            openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={common_name}",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
                    "-CA", "ca.pem", "-CAkey", "ca.key")
        store = (tls / "server.key").read_text() + (tls / "server.pem").read_text() + (tls / "ca.pem").read_text()
        (tls / "server-store.pem").write_text(store)

    def _has_started(self, node):
        log = (self._folder(node) / "kafka.log").read_text(errors="replace")
        if "Kafka Server started" in log:
            return True
        if not self._pid(node):
            lines = log.splitlines()  # the end only tells how it shut down
            causes = [i for i, line in enumerate(lines) if " ERROR " in line or " FATAL " in line or "Exception" in line]
            shown = lines[causes[0]:causes[0] + 20] if causes else lines[-20:]
            raise RuntimeError(f"broker {node} ended as it started:\n" + "\n".join(shown))
        return False

    @contextlib.contextmanager
    def _running(self, node):
        """The broker's pid and pidfd, or None and None when it does not run."""
        try:
            pid, started = (self._folder(node) / "pid").read_text().split()
            fd = open_process(int(pid), started)
        except FileNotFoundError:
            fd = None
        try:
            yield (int(pid), fd) if fd is not None else (None, None)
        finally:
            if fd is not None:
                os.close(fd)

    def _pid(self, node):
        with self._running(node) as (pid, _):
            return pid

    def _end(self, node, number):
        with self._running(node) as (_, fd):
            if fd is None:
                return
            signal.pidfd_send_signal(fd, number)
            if not has_ended(fd, 120):
                raise TimeoutError(f"broker {node} did not end on {number.name}")


def archive(home):
    """Runs one broker with every kind of listener, and has its JVM archive the classes that it has loaded."""
    made = home / "kafka.jsa.partial"
    with KafkaCluster.temporary(home=home, java_options=[f"-XX:ArchiveClassesAtExit={made}"], tls=True, sasl=True) as kafka:
        kafka.stop(1)
    made.rename(home / "kafka.jsa")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="action", required=True)

    plan = argparse.ArgumentParser(add_help=False)
    plan.add_argument("--brokers", type=int, default=1)
    plan.add_argument("--base-port", type=int, help="the first of successive ports; default: free ones")
    plan.add_argument("--tls", action="store_true", help="a listener that demands a client certificate")
    plan.add_argument("--sasl", action="store_true", help="a listener with SCRAM")
    plan.add_argument("--acls", action="store_true", help="the user stranger may do nothing")
    plan.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a broker's setting")

    run = commands.add_parser("run", parents=[plan])
    run.add_argument("command", nargs="+")
    commands.add_parser("up", parents=[plan]).add_argument("--dir", required=True)
    commands.add_parser("down").add_argument("--dir", required=True)
    for action in ("kill", "stop", "start"):
        command = commands.add_parser(action)
        command.add_argument("--dir", required=True)
        command.add_argument("--node", type=int, required=True)
    commands.add_parser("archive").add_argument("--home", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    if arguments.action in ("run", "up"):
        wanted = {"brokers": arguments.brokers, "base_port": arguments.base_port, "tls": arguments.tls,
                  "sasl": arguments.sasl, "acls": arguments.acls, "settings": arguments.set}
    with orderly_exit():
        match arguments.action:
            case "run":
                with KafkaCluster.temporary(**wanted) as kafka:
                    return run_command(arguments.command, kafka.environment())
            case "up":
                kafka = KafkaCluster(arguments.dir)
                kafka.create(**wanted)
                try:
                    kafka.start()
                except BaseException:
                    kafka.kill_all()
                    raise
                print(json.dumps({**kafka.description(), "pids": kafka.pids()}, indent=2))
            case "down":
                KafkaCluster(arguments.dir).kill_all()
            case "kill":
                KafkaCluster(arguments.dir).kill(arguments.node)
            case "stop":
                KafkaCluster(arguments.dir).stop(arguments.node)
            case "start":
                KafkaCluster(arguments.dir).start([arguments.node])
            case "archive":
                archive(arguments.home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
