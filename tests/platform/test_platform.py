"""The platform's own tests: python3 -m unittest discover tests/platform. The Kafka ones take some ten seconds."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import unittest

from embedded_broker import EmbeddedBroker
from kafka_cluster import KafkaCluster
from processes import has_ended, reserve_ports, reserve_ports_from_a_base, wait_until

HERE = pathlib.Path(__file__).resolve().parent


def answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 60).close()
        return True
    except ConnectionError:
        return False


def run(module, *arguments):
    return subprocess.run([sys.executable, HERE / module, *arguments], stdout=subprocess.PIPE, text=True)


class Ports(unittest.TestCase):
    def test_a_reserved_port_is_for_a_server_and_for_no_other_reservation(self):
        reserved, = reserve_ports(1)
        with reserved, socket.socket() as other, socket.socket() as server:
            with self.assertRaises(OSError):
                other.bind(reserved.getsockname())
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(reserved.getsockname())
            server.listen()

    def test_ports_above_a_base_are_reserved_too(self):
        base, reserved = reserve_ports_from_a_base([0, 1, 500])
        self.assertEqual([sock.getsockname()[1] for sock in reserved], [base, base + 1, base + 500])
        for sock in reserved:
            with sock, socket.socket() as other, self.assertRaises(OSError):
                other.bind(sock.getsockname())


class Wrapper(unittest.TestCase):
    def test_the_command_finds_the_broker_and_its_exit_code_is_the_wrappers(self):
        done = run("embedded_broker.py", "run", "--", "sh", "-c", "echo $DROVER_TEST_KAFKA; exit 7")
        self.assertEqual(done.returncode, 7)
        self.assertRegex(done.stdout, r"^127\.0\.0\.1:\d+\n$")

    def test_a_command_that_a_signal_ended_has_the_code_that_a_shell_gives_it(self):
        self.assertEqual(run("embedded_broker.py", "run", "--", "sh", "-c", "kill -KILL $$").returncode, 128 + 9)

    def test_nothing_runs_on_when_the_wrapper_ends_by_whatever_signal(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number):
                wrapper = subprocess.Popen(
                    [sys.executable, HERE / "embedded_broker.py", "run", "--", "sh", "-c", "echo $DROVER_TEST_KAFKA $$; exec sleep 1000"],
                    stdout=subprocess.PIPE, text=True)
                with wrapper:
                    bootstrap, pid = wrapper.stdout.readline().split()
                    command = os.pidfd_open(int(pid))
                    self.assertTrue(answers(bootstrap))
                    wrapper.send_signal(number)
                wait_until(lambda: not answers(bootstrap), "end of the broker")
                self.assertTrue(has_ended(command, 60))
                os.close(command)


class Embedded(unittest.TestCase):
    def test_it_keeps_its_port_through_a_kill_and_a_stop(self):
        with EmbeddedBroker.temporary() as broker:
            for end in (broker.kill, broker.stop):
                end()
                self.assertFalse(answers(broker.bootstrap))
                broker.start()
                self.assertTrue(answers(broker.bootstrap))


class Kafka(unittest.TestCase):
    def test_every_listener_that_was_asked_for_is_described_and_answers(self):
        show = "import json, os; print(json.dumps(dict(os.environ)))"
        with KafkaCluster.temporary(tls=True, sasl=True, acls=True) as kafka:
            described = kafka.description()
            for bootstrap in (described["bootstrap"], described["tls"]["bootstrap"], described["sasl"]["bootstrap"],
                              described["sasl"]["tls"]):
                self.assertTrue(answers(bootstrap), bootstrap)
            for file in ("ca", "cert", "key"):
                self.assertIn("BEGIN", pathlib.Path(described["tls"][file]).read_text())
            environment = kafka.environment()
            shown = subprocess.run([sys.executable, "-c", show], env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE)
            self.assertLessEqual(environment.items(), json.loads(shown.stdout).items())
            self.assertEqual(environment["DROVER_TEST_KAFKA_TLS_CA"], described["tls"]["ca"])

    def test_one_node_of_three_is_killed_and_comes_back_by_another_process(self):
        with KafkaCluster.temporary(brokers=3) as kafka:
            second = kafka.bootstrap.split(",")[1]
            before = kafka.pids()
            self.assertEqual(run("kafka_cluster.py", "kill", "--dir", kafka.dir, "--node", "2").returncode, 0)
            self.assertFalse(answers(second))
            self.assertEqual(kafka.pids(), {1: before[1], 3: before[3]})
            self.assertEqual(run("kafka_cluster.py", "start", "--dir", kafka.dir, "--node", "2").returncode, 0)
            self.assertTrue(answers(second))
            brokers = [os.pidfd_open(pid) for pid in kafka.pids().values()]
        self.assertEqual(len(brokers), 3)
        for broker in brokers:
            self.assertTrue(has_ended(broker))
            os.close(broker)


if __name__ == "__main__":
    unittest.main()
