"""Drover's image, as a folder: what is in it, and that nothing is missing."""

import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "platform"))

from container_image import collect_drover  # noqa: E402


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image") / "root"
    before = os.umask(0o077)  # a strict one must not make it unreadable
    try:
        config = collect_drover(os.environ["DROVER"], folder)
    finally:
        os.umask(before)
    return folder, config


def run(image, *arguments, **options):
    """In the image, with nothing else in sight."""
    folder, config = image
    enter = ["chroot", folder] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", f"--root={folder}"]
    return subprocess.run([*enter, *config["Entrypoint"], *arguments], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"]}, **options)


def test_D5_the_image_has_all_that_the_program_loads(image):
    done = run(image, "--version")
    assert done.returncode == 0 and done.stdout.startswith("drover "), done.stderr


def test_D5_the_image_has_nothing_else_that_runs(image):
    folder, _ = image
    runs = {str(path.relative_to(folder)) for path in folder.rglob("*")
            if path.is_file() and path.stat().st_mode & 0o111 and not re.search(r"\.so(\.|$)", path.name)}
    assert runs == {"usr/bin/drover"}
    others = [path for path in folder.rglob("*") if path.is_file() and folder / "usr/share/zoneinfo" not in path.parents]
    assert len(others) < 100  # the libraries that drover loads, and their licenses; some thirty of these are libpq's


def test_D5_the_image_is_small(image):
    folder, _ = image
    # It was 40 MiB until jemalloc came, which has 0.8 (ADR 9).
    assert sum(path.lstat().st_size for path in folder.rglob("*")) < 42 << 20


def test_C9_the_image_has_the_time_zones(image):
    zones = image[0] / "usr" / "share" / "zoneinfo"
    for name in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata"):
        assert (zones / name).read_bytes().startswith(b"TZif"), name
    for path in zones.rglob("*"):
        assert zones in path.resolve(strict=True).parents, path
    assert not {"localtime", "right"} & {path.name for path in zones.iterdir()}


def test_D5_the_image_is_for_a_user_without_rights_and_can_be_read_by_any(image):
    folder, config = image
    assert config == {"User": "65532:65532", "Entrypoint": ["/usr/bin/drover"]}
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        assert mode & 0o022 == 0 and mode & 0o7000 == 0, path
        assert mode & (0o005 if path.is_dir() else 0o004), path
    assert "drover:x:65532:65532:" in (folder / "etc" / "passwd").read_text()


def test_D5_every_library_has_its_license(image):
    folder, _ = image
    licenses = list(folder.glob("usr/share/doc/*/copyright"))
    assert {"drover", "ca-certificates", "libc6", "libssl3"} <= {path.parent.name for path in licenses}
    assert all(path.stat().st_size for path in licenses)


def test_D5_a_library_that_is_missing_is_an_error(tmp_path):
    (tmp_path / "lib.c").write_text("int gone(void) { return 1; }")
    (tmp_path / "main.c").write_text("int gone(void); int main(void) { return gone(); }")
    for command in (["cc", "-shared", "-o", "libgone.so", "lib.c"], ["cc", "-o", "main", "main.c", "-L.", "-lgone"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([ROOT / "image" / "collect.sh", tmp_path / "main", tmp_path / "root"], capture_output=True, text=True)
    assert done.returncode == 1 and "libgone.so => not found" in done.stderr


@pytest.fixture
def tls_server(tmp_path):
    """Yields its port and what its handshakes came to; ca.pem in tmp_path is whom to trust."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", "key.pem", "-out", "ca.pem"], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    handshakes = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def serve():
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:  # closed
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as secured:
                        secured.recv(1)
                        handshakes.append("done")
                except OSError as error:
                    handshakes.append(str(error))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1], handshakes
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


# Both of the TLS clients in the program: cpprestsdk's and librdkafka's.
@pytest.mark.parametrize("command", [
    ["probe", "https://127.0.0.1:{port}/"],
    ["pause", "-q", "shop.email", "--kafka", "127.0.0.1:{port}", "-X", "security.protocol=ssl"]], ids=["http", "kafka"])
def test_D5_the_program_trusts_the_authorities_of_the_image(image, tls_server, tmp_path, command):
    port, handshakes = tls_server
    trusted = image[0] / "etc" / "ssl" / "certs" / "ca-certificates.crt"
    publics = trusted.read_bytes()
    assert publics.count(b"BEGIN CERTIFICATE") > 50

    def ask():
        handshakes.clear()
        run(image, *(part.format(port=port) for part in command), timeout=120)
        return list(handshakes)

    refused = ask()
    assert refused and "done" not in refused
    try:
        trusted.write_bytes((tmp_path / "ca.pem").read_bytes())
        assert "done" in ask()
    finally:
        trusted.write_bytes(publics)
