"""A short run of outage.py, with Kafka killed and Kafka stopped."""

import json

import outage


def test_C1_C2_C10_C11_whatever_is_killed_every_job_of_a_202_is_completed_and_a_key_is_one_job(capsys):
    options = outage.parse(["--jobs", "3000", "--rate", "150", "--seed", "7", "--kills", "3", "--outages", "2",
                            "--outage-seconds", "5"])
    said = []
    found = outage.run(options, said.append)
    with capsys.disabled():
        print(f"\noutage: {json.dumps(found)}")
    story = "\n".join([*said, json.dumps(found, indent=1)])
    assert found["lost"] == 0 and found["acknowledged"] == 3000, story
    assert found["handed_over_twice"] <= found["bound"] and found["copies_handed_over"] == 0, story
    assert found["submits_unanswered"] > 0, "no kill hit a client that waited\n" + story
    assert found["ok"], story
