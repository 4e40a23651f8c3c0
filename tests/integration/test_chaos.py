"""A short run of chaos.py. How long partitions stand still depends on the machine too, and is judged by its whole run."""

import json

import chaos


def test_A2_A6_whatever_is_killed_no_job_is_lost_and_only_what_was_unfinished_runs_twice(capsys):
    options = chaos.parse(["--jobs", "4000", "--rate", "150", "--seed", "7", "--sidecar-kills", "3", "--worker-kills", "3",
                           "--broker-kills", "1"])
    said = []
    found = chaos.run(options, said.append)
    with capsys.disabled():
        print(f"\nchaos: {json.dumps(found)}")
    story = "\n".join([*said, json.dumps(found, indent=1)])
    assert found["lost"] == 0 and found["acknowledged"] == 4000, story
    assert found["uncommitted_at_the_end"] == 0, story
    assert found["twice_without_excuse"] == 0, story
    assert found["standstills"] > 0, "no kill hit a sidecar at work\n" + story
