#!/usr/bin/env python3
"""A real Kubernetes for tests, in a folder of its own: a control plane alone, or with a node that runs containers.

    kubernetes_node.py up [OPTION]...                starts it, prints how to reach it, stays up until Ctrl-C or SIGTERM
    kubernetes_node.py run [OPTION]... -- COMMAND... runs COMMAND with KUBECONFIG and PATH set, stops; the exit code is
                                                     the command's
    --control-plane   etcd and the API server only, with RBAC and an audit log: up in seconds, enough for most tests
    --controllers     and the controller manager and the scheduler (a node has them in any case)
    --fake-nodes N    and N nodes on which KWOK plays the pods
    --kafka           and an Apache Kafka, for this machine and for pods; DROVER_TEST_KAFKA and DROVER_TEST_KAFKA_IN_POD

Imported: `with ControlPlane.temporary() as plane: ... plane.kubectl("get", "pods")`, and `with
KubernetesNode.temporary() as node: ... node.add_image(folder, "drover.test/worker:1")`. Neither starts again what ends;
whoever waits is told of it. A node needs root, cgroup v1 and the packages of deps/debian-cluster.txt.
"""

import argparse
import base64
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

from container_image import pack
from kafka_cluster import KafkaCluster
from kubernetes_objects import ObjectReader
from processes import dependency, end_with_parent, orderly_exit, reserve_ports, run_command, wait_until

HERE = pathlib.Path(__file__).resolve().parent / "kubernetes"
NODE = "node1"
NODE_ADDRESS = "10.77.0.1"
PODS = "10.77.1.0/24"
SERVICES = "10.77.2.0/24"
API_SERVICE = "10.77.2.1"
DNS_SERVICE = "10.77.2.10"
BUSYBOX = "drover.test/busybox:1"
PAUSE = "drover.test/pause:1"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class ControlPlane:
    """An API server on 127.0.0.1 with its etcd, and as asked for controllers and fake nodes."""

    programs = ("etcd", "kube-apiserver", "kubectl")

    def __init__(self, directory, controllers=False, fake_nodes=0):
        self.dir = pathlib.Path(directory).resolve()
        self.audit_log = self.dir / "audit.log"
        self.kubeconfig = self.dir / "admin.kubeconfig"
        self._fake_nodes = fake_nodes
        self._controllers = controllers or fake_nodes > 0
        wanted = [*self.programs]
        if self._controllers:
            wanted += ["kube-controller-manager", "kube-scheduler"]
        if fake_nodes:
            wanted += ["kwok"]
        self.bin = dependency("kubernetes.sh", *wanted)
        self._reservations = []
        self._children = {}  # name: Popen

    @classmethod
    @contextlib.contextmanager
    def temporary(cls, **options):
        """One in a new folder; all of it is gone at the end, however that comes."""
        directory = tempfile.mkdtemp(prefix="drover-kubernetes-")
        try:
            cluster = cls(directory, **options)
            try:
                cluster.start()
                yield cluster
            finally:
                cluster.close()
        finally:
            shutil.rmtree(directory)

    def start(self):
        """Returns when the API server serves and what was asked for runs."""
        self._reservations = reserve_ports(3)
        self._port, self._etcd_port, self._etcd_peer_port = (sock.getsockname()[1] for sock in self._reservations)
        (self.dir / "log").mkdir()
        self._make_certificates()
        self._prepare()
        self._start_etcd()
        self._start_api_server()
        if self._controllers:
            self._start_controllers()
        self._start_nodes()

    def close(self):
        """Kills what was started, newest first."""
        for child in reversed(self._children.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # each leads a session of its own
            child.wait()
        self._children = {}
        for sock in self._reservations:
            sock.close()
        self._reservations = []

    # --- what a test needs ---

    def kubectl(self, *arguments, given=None):
        """What kubectl prints; fails with what it complained of. `given` is its standard input, objects as JSON."""
        done = subprocess.run([self.bin / "kubectl", "--kubeconfig", self.kubeconfig, *arguments], text=True,
                              input=given if given is None or isinstance(given, str) else json.dumps(given),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", given={"apiVersion": "v1", "kind": "List", "items": objects})

    def get(self, *arguments):
        """The object, or list of objects, that `kubectl get` finds."""
        return self._objects.get(*arguments)

    def service_account_token(self, namespace, name, duration="1h"):
        return self.kubectl("-n", namespace, "create", "token", name, "--duration", duration).strip()

    def service_account_kubeconfig(self, namespace, name):
        """The path of a kubeconfig with which to be this ServiceAccount, and nobody more."""
        path = self.dir / f"{namespace}-{name}.kubeconfig"
        self._write_kubeconfig(path, {"token": self.service_account_token(namespace, name)}, namespace)
        return path

    @contextlib.contextmanager
    def without_api_server(self):
        """It is killed, and started again at the end, on the same port and with what it knew."""
        child = self._children.pop("kube-apiserver")
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        try:
            yield
        finally:
            self._start_api_server()

    def audit(self):
        """Every request that was answered so far, as audit.k8s.io/v1 events without bodies."""
        lines = self.audit_log.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]  # the last one may be under way

    def wait_until(self, condition, what, seconds=180):
        """As processes.wait_until; a component that has ended meanwhile is the failure."""

        def holds():
            for name, child in self._children.items():
                if child.poll() is not None:
                    raise RuntimeError(f"{name} ended with {child.returncode}:\n{self._tail(name)}")
            return condition()

        return wait_until(holds, what, seconds)

    def pids(self):
        """By component; those of a node's are the ones that brought them into its namespaces."""
        return {name: child.pid for name, child in self._children.items()}

    @property
    def environment(self):
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": f"{self.bin}:{os.environ['PATH']}"}

    # --- inside ---

    bind_address = "127.0.0.1"
    api_options = (
        "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none")  # loopback cannot be a Service's endpoint

    def _prepare(self):
        pass

    def _enter(self):
        """For preexec_fn: where the control plane's processes run."""
        end_with_parent()

    def _spawn(self, name, *command, enter=None, **options):
        with (self.dir / "log" / f"{name}.log").open("wb") as log:
            options = {"stdout": log, **options}
            child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stderr=log, cwd=self.dir,
                                     start_new_session=True, preexec_fn=enter or self._enter, **options)
        self._children[name] = child
        return child

    def _tail(self, name):
        return "\n".join((self.dir / "log" / f"{name}.log").read_text(errors="replace").splitlines()[-20:])

    def _start_etcd(self):
        clients, peers = (f"http://127.0.0.1:{port}" for port in (self._etcd_port, self._etcd_peer_port))
        self._spawn("etcd", self.bin / "etcd", "--data-dir", self.dir / "etcd", "--unsafe-no-fsync", "--log-level=warn",
                    "--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls", peers,
                    "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}")

    def _start_api_server(self):
        policy = self.dir / "audit-policy.json"
        policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
                                      "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}))
        self.audit_log.touch()
        pki = self.dir / "pki"
        self._spawn(
            "kube-apiserver", self.bin / "kube-apiserver", *self.api_options,
            f"--bind-address={self.bind_address}", f"--secure-port={self._port}", f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--service-cluster-ip-range={SERVICES}", "--allow-privileged=true", "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            # Without controllers nobody makes the ServiceAccount `default`, without which no pod would be accepted.
            *([] if self._controllers else ["--disable-admission-plugins=ServiceAccount"]),
            f"--client-ca-file={pki}/ca.pem", f"--tls-cert-file={pki}/server.pem", f"--tls-private-key-file={pki}/server.key",
            f"--kubelet-certificate-authority={pki}/ca.pem", f"--kubelet-client-certificate={pki}/admin.pem",
            f"--kubelet-client-key={pki}/admin.key",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki}/service-accounts.key",
            f"--service-account-signing-key-file={pki}/service-accounts.key",
            f"--audit-policy-file={policy}", f"--audit-log-path={self.audit_log}")
        self.wait_until(self._is_ready, "API server")

    def _is_ready(self):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=10, context=ssl.create_default_context(cafile=self.dir / "pki" / "ca.pem"))
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False

    def _start_controllers(self):
        common = ("--leader-elect=false", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400")
        self._spawn("kube-controller-manager", self.bin / "kube-controller-manager", *common,
                    f"--kubeconfig={self._kubeconfig_of('kube-controller-manager', '/CN=system:kube-controller-manager')}",
                    "--use-service-account-credentials", f"--root-ca-file={self.dir}/pki/ca.pem",
                    f"--flex-volume-plugin-dir={self.dir}/flexvolume")
        self._spawn("kube-scheduler", self.bin / "kube-scheduler", *common,
                    f"--kubeconfig={self._kubeconfig_of('kube-scheduler', '/CN=system:kube-scheduler')}")
        self.wait_until(lambda: "default" in self.kubectl("get", "serviceaccounts", "-o", "name"), "ServiceAccount default")

    def _start_nodes(self):
        if not self._fake_nodes:
            return
        self._spawn("kwok", self.bin / "kwok", "--kubeconfig", self.kubeconfig, f"--config={self.bin}/kwok-stages.yaml",
                    "--node-lease-duration-seconds=40",
                    "--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake")
        size = {"cpu": "64", "memory": "256Gi", "pods": "500"}
        self.apply(*({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": f"fake{number}", "annotations": {"kwok.x-k8s.io/node": "fake"},
                         "labels": {"kubernetes.io/hostname": f"fake{number}", "kubernetes.io/os": "linux"}},
            "status": {"capacity": size, "allocatable": size},
        } for number in range(1, self._fake_nodes + 1)))
        self.wait_until(lambda: all(map(is_ready, self.get("nodes")["items"])), "fake nodes that are ready")

    # --- who is who ---

    def _make_certificates(self):
        pki = self.dir / "pki"
        pki.mkdir()
        self._openssl("req", "-x509", *self._new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=drover test CA")
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "service-accounts.key")
        self._certify("server", "/CN=kube-apiserver",
                      f"IP:127.0.0.1,IP:{NODE_ADDRESS},IP:{API_SERVICE},DNS:localhost,DNS:kubernetes.default.svc")
        self._kubeconfig_of("admin", "/O=system:masters/CN=admin")
        self._objects = ObjectReader(self._port, pki, "admin")

    _new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "10")

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.dir / "pki", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stdout}")

    def _certify(self, name, subject, names=None):
        """A certificate for clients, and for a server at `names`, good for ten days."""
        self._openssl("req", "-x509", *self._new_key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", subject,
                      "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE",
                      *(["-addext", f"subjectAltName={names}"] if names else []))

    def _kubeconfig_of(self, name, subject, names=None):
        """The path of a kubeconfig with a certificate of its own."""
        self._certify(name, subject, names)
        pki = self.dir / "pki"
        path = self.dir / f"{name}.kubeconfig"
        self._write_kubeconfig(path, {"client-certificate-data": encoded(pki / f"{name}.pem"),
                                      "client-key-data": encoded(pki / f"{name}.key")})
        return path

    def _write_kubeconfig(self, path, credentials, namespace="default"):
        path.touch(0o600)
        cluster = {"server": f"https://127.0.0.1:{self._port}",
                   "certificate-authority-data": encoded(self.dir / "pki" / "ca.pem")}
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}], "users": [{"name": "test", "user": credentials}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        }, indent=2))


class KubernetesNode(ControlPlane):
    """A control plane and one node, in pid, mount, network, host name, IPC and cgroup namespaces of their own.

    Its network has no way out and no way in. The API server answers on this machine's 127.0.0.1 nevertheless, as
    `offer` lets pods reach a port of this machine, and `connect` reaches pods and services from here.
    """

    programs = (*ControlPlane.programs, "kubelet", "kube-proxy", "coredns", "helm")
    address = NODE_ADDRESS
    bind_address = "0.0.0.0"
    api_options = (f"--advertise-address={NODE_ADDRESS}", "--kubelet-preferred-address-types=InternalIP")

    def __init__(self, directory):
        super().__init__(directory, controllers=True)
        self._cgroups = []
        self._init = None  # the pid of the first process in the namespaces
        self._network = None  # fd of the network namespace
        self._enter_cgroups = None

    # --- what a test needs ---

    def add_image(self, folder, name, **config):
        """Makes an image of the folder's files known to the node; pods need no imagePullPolicy unless its tag is latest."""
        with tempfile.NamedTemporaryFile(dir=self.dir, suffix=".tar") as archive:
            pack(folder, name, archive.name, **config)
            self._ctr("images", "import", archive.name)

    def connect(self, host, port, timeout=60):
        """A socket that is connected inside the node's network: to a pod, a Service, or the node."""
        sock = self._socket()
        sock.settimeout(timeout)
        try:
            sock.connect((host, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def http_get(self, host, port, path="/"):
        """Status and body of a GET inside the node's network."""
        connection = http.client.HTTPConnection(host, port)
        with contextlib.closing(connection):
            connection.sock = self.connect(host, port)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def offer(self, port):
        """Pods reach this machine's 127.0.0.1:port at the node's address, on the same port."""
        with self._socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self.address, port))
            listening.listen(128)
            self._relay(f"offer-{port}", listening, port, end_with_parent)

    def offer_kafka(self, kafka):
        """Where pods find the brokers of a KafkaCluster that was made with elsewhere=node.address."""
        bootstrap = kafka.bootstrap_of("ELSEWHERE")
        for broker in bootstrap.split(","):
            self.offer(int(broker.rpartition(":")[2]))
        return bootstrap

    # --- life ---

    def close(self):
        if self._init is not None:
            # The kernel ends all that runs in the namespaces with their first process, and then the mounts go.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)
            self._init = None
        super().close()
        if self._network is not None:
            os.close(self._network)
            self._network = None
        for cgroup in self._cgroups:
            wait_until(lambda: remove_cgroup(cgroup), f"end of the processes in {cgroup}", 60)
        self._cgroups = []

    def _prepare(self):
        if os.geteuid() != 0:
            raise PermissionError("a Kubernetes node makes namespaces and cgroups: it needs root")
        subprocess.run(["cc", "-Os", "-static", "-s", "-o", self.dir / "pause", HERE / "pause.c"], check=True)
        self._make_cgroups()
        outer = self._spawn("node", "unshare", "--fork", "--kill-child=KILL", "--pid", "--mount", "--mount-proc", "--net",
                            "--uts", "--ipc", "--cgroup", "--", HERE / "node.sh", self.dir, NODE, NODE_ADDRESS,
                            enter=self._enter_cgroups, stdout=subprocess.PIPE)
        with outer.stdout as said:
            if said.readline() != b"ready\n":
                raise RuntimeError(f"the node's namespaces cannot be made:\n{self._tail('node')}")
        self._init = int(pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
        self._network = os.open(f"/proc/{self._init}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self._port))
            listening.listen(128)
            self._relay("api", listening, self._port, self._enter)

    def _enter(self):
        end_with_parent()
        enter_network(self._network)

    def _make_cgroups(self):
        """One in each hierarchy below this process's own, for all of the node: nothing of its use hides."""
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers:
                parent = pathlib.Path("/sys/fs/cgroup", controllers.removeprefix("name="), path.lstrip("/"))
                cgroup = parent / f"drover-node-{self.dir.name}"
                cgroup.mkdir()
                self._cgroups.append(cgroup)
                if controllers == "cpuset":
                    for file in ("cpuset.cpus", "cpuset.mems"):
                        (cgroup / file).write_text((parent / file).read_text())
        if not self._cgroups:
            raise RuntimeError("there are no cgroup v1 hierarchies on this machine")
        files = [str(cgroup / "cgroup.procs") for cgroup in self._cgroups]

        def enter():
            end_with_parent()
            for file in files:
                with open(file, "w") as procs:
                    procs.write(str(os.getpid()))

        self._enter_cgroups = enter

    def _spawn_inside(self, name, *command):
        """In all of the node's namespaces."""
        self._spawn(name, "nsenter", f"--target={self._init}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                    "--", *command, enter=self._enter_cgroups)

    def _relay(self, name, listening, port, enter):
        """Hands what connects to `listening` on to 127.0.0.1:port where `enter` leads."""
        self._spawn(name, sys.executable, HERE / "relay.py", listening.fileno(), port, enter=enter,
                    pass_fds=[listening.fileno()])

    def _socket(self):
        """A socket of the node's network. A thread is in a network of its own, so one is lent for it."""
        made = []

        def make():
            enter_network(self._network)
            made.append(socket.socket())

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        sock, = made
        return sock

    # --- the node ---

    def _start_nodes(self):
        self._start_containerd()
        self._start_kubelet()
        self._start_kube_proxy()
        self._start_dns()
        self.wait_until(lambda: self._answers_well(10256, "/healthz"), "kube-proxy with its rules in place")
        self.wait_until(lambda: any(map(is_ready, self.get("nodes")["items"])), "node that is ready")

    def _start_containerd(self):
        cni = self.dir / "cni"
        cni.mkdir()
        # Each pod has a link of its own, so its packets are routed, and no Service is bypassed as on a shared bridge.
        (cni / "10-pods.conflist").write_text(json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [
            {"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}))
        config = self.dir / "containerd.toml"
        config.write_text(f"""version = 2
root = "{self.dir}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{self.dir}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
disable_apparmor = true
restrict_oom_score_adj = true # lowering it takes a privilege that a build machine need not have
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{cni}"
""")
        # No registry: an image that is not here is refused at once, and not after the time-outs of the machine's resolver.
        self._spawn_inside("containerd", "env", "HTTPS_PROXY=http://127.0.0.1:1", "containerd", "--config", config)
        self.wait_until(self._containerd_answers, "containerd")
        with tempfile.TemporaryDirectory(dir=self.dir) as root:
            shutil.copy(self.dir / "pause", root)
            self.add_image(root, PAUSE, Entrypoint=["/pause"])
        with tempfile.TemporaryDirectory(dir=self.dir) as root:
            add_busybox(pathlib.Path(root))
            self.add_image(root, BUSYBOX, Cmd=["sh"], Env=["PATH=/bin"])

    def _ctr(self, *arguments):
        done = subprocess.run(["ctr", "--address", self.dir / "containerd.sock", "--namespace", "k8s.io", *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"ctr {' '.join(arguments)}: {done.stdout}")
        return done.stdout

    def _containerd_answers(self):
        return subprocess.run(["ctr", "--address", self.dir / "containerd.sock", "version"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def _start_kubelet(self):
        pki = self.dir / "pki"
        kubeconfig = self._kubeconfig_of("kubelet", f"/O=system:nodes/CN=system:node:{NODE}", f"IP:{NODE_ADDRESS}")
        config = self.dir / "kubelet.json"
        config.write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{self.dir}/containerd.sock",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                               "x509": {"clientCAFile": f"{pki}/ca.pem"}},
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{pki}/kubelet.pem", "tlsPrivateKeyFile": f"{pki}/kubelet.key",
            "clusterDomain": "cluster.local", "clusterDNS": [DNS_SERVICE], "resolvConf": "",
            "cgroupDriver": "cgroupfs", "failCgroupV1": False, "failSwapOn": False, "oomScoreAdj": 0,
            "protectKernelDefaults": True, "makeIPTablesUtilChains": False,
            "volumePluginDir": f"{self.dir}/flexvolume",
            # Tests crash containers on purpose; and how full the machine's disk is, is not their matter.
            "crashLoopBackOff": {"maxContainerRestartPeriod": "5s"},
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
                             "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
            "imageGCHighThresholdPercent": 100,
        }, indent=2))
        self._spawn_inside("kubelet", self.bin / "kubelet", f"--config={config}", f"--kubeconfig={kubeconfig}",
                           f"--root-dir={self.dir}/kubelet", f"--hostname-override={NODE}", f"--node-ip={NODE_ADDRESS}")

    def _start_kube_proxy(self):
        config = self.dir / "kube-proxy.json"
        config.write_text(json.dumps({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "nftables",
            "clientConnection": {"kubeconfig": str(self._kubeconfig_of("kube-proxy", "/CN=system:kube-proxy"))},
            "clusterCIDR": PODS, "hostnameOverride": NODE, "bindAddress": NODE_ADDRESS,
            "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }, indent=2))
        self._spawn_inside("kube-proxy", self.bin / "kube-proxy", f"--config={config}")

    def _start_dns(self):
        """CoreDNS is a process of the node and no pod: one image less to make, and it cannot be evicted."""
        kubeconfig = self._kubeconfig_of("coredns", "/O=system:masters/CN=coredns")
        corefile = self.dir / "Corefile"
        corefile.write_text(f""".:53 {{
    bind {NODE_ADDRESS}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig} test
        ttl 1
    }}
}}
""")
        self._spawn("coredns", self.bin / "coredns", "-conf", corefile)
        ports = [{"name": "udp", "port": 53, "protocol": "UDP"}, {"name": "tcp", "port": 53, "protocol": "TCP"}]
        self.apply(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system"},
             "spec": {"clusterIP": DNS_SERVICE, "ports": ports}},
            {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "ports": ports,
             "metadata": {"name": "kube-dns-1", "namespace": "kube-system", "labels": {"kubernetes.io/service-name": "kube-dns"}},
             "endpoints": [{"addresses": [NODE_ADDRESS]}]})
        self.wait_until(self._dns_listens, "CoreDNS")  # which it does once it knows the Services

    def _dns_listens(self):
        try:
            self.connect(NODE_ADDRESS, 53).close()
            return True
        except ConnectionError:
            return False

    def _answers_well(self, port, path):
        try:
            return self.http_get("127.0.0.1", port, path)[0] == 200
        except ConnectionError:
            return False


def is_ready(thing):
    """Whether a node's or a pod's condition Ready holds."""
    return any(condition["type"] == "Ready" and condition["status"] == "True"
               for condition in thing.get("status", {}).get("conditions", []))


def encoded(path):
    return base64.b64encode(path.read_bytes()).decode()


def enter_network(fd):
    """Of the calling thread only."""
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def add_busybox(root):
    """Debian's static busybox with a link for each of its commands, and what programs look for in /etc."""
    for folder in ("bin", "etc", "tmp"):
        (root / folder).mkdir()
    (root / "tmp").chmod(0o1777)
    shutil.copy("/bin/busybox", root / "bin")
    for command in subprocess.run(["/bin/busybox", "--list"], check=True, stdout=subprocess.PIPE, text=True).stdout.split():
        if command != "busybox":
            (root / "bin" / command).symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    (root / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")


def remove_cgroup(cgroup):
    """False while a process is left in it, one that was killed and has not gone yet."""
    if not cgroup.exists():
        return True
    for folder, _, _ in os.walk(cgroup, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return True


@contextlib.contextmanager
def started(options):
    """The cluster that the command line asks for, and the variables with which to find it."""
    with contextlib.ExitStack() as stack:
        if options.control_plane or options.fake_nodes:
            cluster = stack.enter_context(ControlPlane.temporary(controllers=options.controllers, fake_nodes=options.fake_nodes))
            kafka = options.kafka and stack.enter_context(KafkaCluster.temporary())
            in_pod = {}
        else:
            cluster = stack.enter_context(KubernetesNode.temporary())
            kafka = options.kafka and stack.enter_context(KafkaCluster.temporary(elsewhere=cluster.address))
            in_pod = {"DROVER_TEST_KAFKA_IN_POD": cluster.offer_kafka(kafka)} if kafka else {}
        yield cluster, {**cluster.environment, **(kafka.environment() if kafka else {}), **in_pod}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="action", required=True)
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--control-plane", action="store_true")
    options.add_argument("--controllers", action="store_true")
    options.add_argument("--fake-nodes", type=int, default=0, metavar="N")
    options.add_argument("--kafka", action="store_true")
    commands.add_parser("up", parents=[options])
    commands.add_parser("run", parents=[options]).add_argument("command", nargs="+")
    arguments = parser.parse_args()
    with orderly_exit(), started(arguments) as (cluster, environment):
        if arguments.action == "run":
            return run_command(arguments.command, environment)
        for name, value in environment.items():
            print(f"export {name}={value}")
        print(f"# logs are in {cluster.dir}/log; Ctrl-C ends all of it", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
