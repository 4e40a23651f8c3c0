#!/usr/bin/env python3
"""Container images from local folders, without a registry and without a daemon: OCI archives of one layer.

    pack(folder, "drover.test/worker:1", archive, Entrypoint=["/worker"], User="65532")

    container_image.py DROVER NAME ARCHIVE   Drover's own image, of a built drover, as the Containerfile has it
"""

import hashlib
import io
import json
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pack(folder, name, archive, **config):
    """Writes the folder's files as the image `name`; `config` is the image's: Entrypoint, Cmd, Env, User."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            tar.add(path, path.relative_to(folder), recursive=False, filter=_of_root)
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    blobs = {}

    def describe(content, kind, **more):
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content), **more}

    described_layer = describe(layer.getvalue(), "layer.v1.tar")
    described_config = describe(_json({
        "architecture": architecture, "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [described_layer["digest"]]},
    }), "config.v1+json")
    manifest = describe(_json({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described_config, "layers": [described_layer],
    }), "manifest.v1+json", annotations={"io.containerd.image.name": name})
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
             "index.json": _json({"schemaVersion": 2, "manifests": [manifest]}), **blobs}
    with tarfile.open(archive, "w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def copy_program(program, root):
    """Copies a program and the shared libraries that it loads to where they are here, below `root`."""
    listed = subprocess.run(["ldd", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    for path in [str(program), *re.findall(r"(/\S+) \(0x", listed)]:
        target = pathlib.Path(root, path.lstrip("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def collect_drover(program, folder):
    """Puts the files of Drover's image into the new folder; returns the image's configuration."""
    subprocess.run([ROOT / "image" / "collect.sh", program, folder], check=True)
    last_stage = re.split(r"^FROM ", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE)[-1]
    said = dict(re.findall(r"^(USER|ENTRYPOINT) (.+)$", last_stage, flags=re.MULTILINE))
    return {"User": said["USER"], "Entrypoint": json.loads(said["ENTRYPOINT"])}


def _of_root(entry):
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _json(value):
    return json.dumps(value).encode()


def main():
    program, name, archive = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        config = collect_drover(program, f"{folder}/image")
        pack(f"{folder}/image", name, archive, **config)


if __name__ == "__main__":
    main()
