#!/usr/bin/env python3
"""The chart as helm renders it.

    chart.py   writes golden/*.yaml anew, what helm template makes of each golden/*.values.yaml
"""

import functools
import pathlib
import re
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHART = ROOT / "charts" / "drover"
GOLDEN = HERE / "golden"
sys.path.insert(0, str(HERE.parent / "platform"))

from processes import dependency  # noqa: E402

# Helm asks for one that it was built for, or is told here.
KUBERNETES = "--kube-version=1.36.3"


@functools.cache
def helm_program():
    return dependency("kubernetes.sh", "helm") / "helm"


def helm(*arguments, **options):
    """What helm prints; fails with what it complained of."""
    done = subprocess.run([helm_program(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"helm {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
    return done.stdout


LEAST = ("--values", HERE / "least.yaml")  # what is given after it counts


def template(*arguments, chart=CHART, release="drover", namespace="drover-system"):
    return helm("template", release, chart, "--namespace", namespace, KUBERNETES, *LEAST, *arguments)


def without_chance(text):
    """The token is another one each time."""
    return re.sub(r"^  (admin-token|tokens\.yaml): [\w+/=]{40,}$", r"  \1: RANDOM", text, flags=re.MULTILINE)


def rendered(*arguments, **options):
    return [each for each in yaml.safe_load_all(template(*arguments, **options)) if each]


def find(objects, kind, name=None):
    found, = (each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"]))
    return found


def values_files():
    return sorted(GOLDEN.glob("*.values.yaml"))


def golden_of(values):
    return values.with_name(values.name.replace(".values.", "."))


def main():
    for values in values_files():
        golden_of(values).write_text(without_chance(template("--values", values)))


if __name__ == "__main__":
    main()
