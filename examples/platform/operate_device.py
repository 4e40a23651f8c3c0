#!/usr/bin/env python3
"""Queue `device-operation`: start-device, stop-device, restart-device, install-app, uninstall-app, step by step.

The devices here are files, $OUT_DIR/devices/<deviceId>.json. A step is written down when it is done, so a job that comes
again goes on where it stopped. The queue keeps the order of each key, which is the device's id.

Payload: deviceId, userId, params {app, version}. $STEP_SECONDS (0.2) is what a step takes: these devices are quick.
"""

import json
import os
import re
import time

import places
from worker import Refused, TryAgain, serve

STEP_SECONDS = float(os.environ.get("STEP_SECONDS", "0.2"))
STEPS = {  # (percent, step, what it does to the device)
    "start-device": [
        (10, "check", lambda device, _: must_be_online(device)),
        (30, "allocate", lambda device, _: device.update(slot=f"slot-{device['id']}")),
        (50, "start", lambda device, _: device.update(state="starting")),
        (70, "initialise", lambda device, _: device.setdefault("apps", {})),
        (90, "verify", lambda device, _: device.update(state="running")),
    ],
    "stop-device": [
        (20, "check", lambda device, _: must_be_online(device)),
        (50, "stop", lambda device, _: device.update(state="stopping")),
        (80, "release", lambda device, _: device.pop("slot", None)),
        (95, "verify", lambda device, _: device.update(state="stopped")),
    ],
    "install-app": [
        (20, "download", lambda device, params: must_be_online(device)),
        (40, "verify", lambda device, params: device.update(package=f"{params['app']}-{params['version']}")),
        (60, "push", lambda device, params: device.update(pushed=device.pop("package"))),
        (80, "install", lambda device, params: install(device, **params)),
        (95, "verify", lambda device, params: device.pop("pushed")),
    ],
    "uninstall-app": [
        (20, "check", lambda device, params: must_have(device, params["app"])),
        (50, "stop", lambda device, params: None),
        (80, "remove", lambda device, params: device["apps"].pop(params["app"])),
        (95, "verify", lambda device, params: None),
    ],
    "restart-device": [
        (20, "check", lambda device, _: must_be_online(device)),
        (40, "stop", lambda device, _: device.update(state="stopping")),
        (60, "start", lambda device, _: device.update(state="starting")),
        (80, "initialise", lambda device, _: device.setdefault("apps", {})),
        (95, "verify", lambda device, _: device.update(state="running")),
    ],
}


def operation(kind):
    return lambda job: operate(job, kind)


def operate(job, kind):
    name = job.field("deviceId", str)
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise Refused("InvalidDevice", f"{name!r} is no device's id")
    if job.field("operation", str, kind) not in (kind, kind.partition("-")[0]):
        raise Refused("InvalidPayload", f"operation contradicts the job's type, {kind}")
    params = {"version": "latest", **job.field("params", dict, {})}
    if kind.endswith("-app") and not isinstance(params.get("app"), str):
        raise Refused("InvalidPayload", "params.app has to name the app")

    path = places.folder("devices") / f"{name}.json"
    device = json.loads(path.read_text()) if path.exists() else {"id": name, "state": "stopped"}
    done = device["done"] if device.get("job") == job.id else 0  # steps, in an earlier try
    for number, (percent, step, act) in enumerate(STEPS[kind], 1):
        if number <= done:
            continue
        job.progress(percent, step, f"{kind} {name}: {step}")
        time.sleep(STEP_SECONDS)
        act(device, params)
        device |= {"job": job.id, "done": number, "changedBy": job.field("userId", str, None)}
        places.replace(path, json.dumps(device, indent=1).encode())
    result = {"deviceId": name, "state": device["state"], "apps": device.get("apps", {})}
    job.progress(100, "done", result=result)
    return result


def must_be_online(device):
    if device["state"] == "offline":
        raise TryAgain("DeviceOffline", f"{device['id']} cannot be reached")


def install(device, app, version, **_):
    device.setdefault("apps", {})[app] = version


def must_have(device, app):
    must_be_online(device)
    if app not in device.get("apps", {}):
        raise Refused("NotInstalled", f"{device['id']} has no app {app}")


if __name__ == "__main__":
    serve({kind: operation(kind) for kind in STEPS})
