"""What somebody does when a worker starts to fail, by the command line alone."""

import json
import time

from processes import wait_until


def test_D2_C7_a_failing_twentieth_is_found_one_payload_mended_and_the_group_redriven_at_a_rate(drover, tmp_path):
    broken = tmp_path / "broken"
    broken.touch()
    jobs = [{"to": f"user{n}@example.org"} for n in range(200)]
    for n in range(0, 200, 20):  # 5 %
        jobs[n] |= {"fail": "NoSuchAddress", "message": f"'user{n}@example.org' is no address",
                    "fail_while": str(broken)}
    del jobs[0]["fail_while"]  # its payload is what is wrong with this one
    lines = tmp_path / "jobs"
    lines.write_text("".join(json.dumps(job) + "\n" for job in jobs))

    # They fail, and the command says which was the first.
    done = drover.run("submit", "-q", "jobs", "--lines", lines, "--label", "lot=rehearsal", "--wait")
    assert done.returncode == 1 and "10 failed" in done.err and "NoSuchAddress" in done.err

    # The cause: one error, with how often and an example.
    group, = [group for group in drover.json("dead", "list", "-q", "jobs")["groups"]
              if group["error"]["class"] == "NoSuchAddress"]
    assert group["count"] == 10 and group["sample"]
    table = drover("dead", "list", "-q", "jobs")
    assert "NoSuchAddress" in table and "10" in table
    assert "NoSuchAddress" in drover("explain", "queue", "jobs")
    failed = drover("jobs", "-q", "jobs", "--state", "failed", "--label", "lot=rehearsal", "-o", "id").split()
    assert len(failed) == 10 and set(group["sample"]) <= set(failed)

    # One payload is wrong: it is looked at, mended, and tried again.
    shown = {job: json.loads(drover.json("dead", "show", job)["payload"]) for job in failed}
    wrong, = [job for job, payload in shown.items() if "fail_while" not in payload]
    assert '"fail": "NoSuchAddress"' in drover("dead", "show", wrong)
    patch = json.dumps([{"op": "remove", "path": "/fail"}, {"op": "add", "path": "/answer", "value": "sent"}])
    again = drover.run("retry", wrong, "--patch", patch, "--reason", "address mended", "--wait")
    assert again.returncode == 0 and "completed" in again.err, again.err
    assert drover.json("status", wrong)["result"] == "sent"

    # The worker is mended. Which jobs would it be? Then the rest of the group, slowly.
    broken.unlink()
    group_filter = ("-q", "jobs", "--state", "failed", "--error", "NoSuchAddress")
    assert "9 jobs would be retried" in drover("bulk", "retry", *group_filter, "--dry-run")
    began = time.monotonic()
    assert "9 of 9 jobs" in drover("bulk", "retry", *group_filter, "--rate", "4/s", "--reason", "mended", "--wait")
    assert time.monotonic() - began >= 8 / 4 - 0.3  # never faster than it was asked to

    # It drains.
    for job in failed:
        assert drover.json("watch", job)["state"] == "completed"
    wait_until(lambda: not drover.json("jobs", "-q", "jobs", "--state", "failed")["jobs"], "no failed job")
    assert "no failed jobs" in drover("dead", "list", "-q", "jobs")
    operation = drover.json("bulk", "list", "-q", "jobs")["operations"][0]
    assert (operation["state"], operation["matched"], operation["done"]) == ("completed", 9, 9)
    assert operation["id"] in drover("bulk", "list", "-q", "jobs")


def test_D2_C7_a_redrive_goes_on_by_itself_and_is_aborted(drover, tmp_path):
    lines = tmp_path / "jobs"
    lines.write_text('{"fail": "Odd"}\n' * 20)
    assert drover.run("submit", "-q", "jobs", "--lines", lines, "--wait").returncode == 1
    odd = ("-q", "jobs", "--state", "failed", "--error", "Odd")
    wait_until(lambda: len(drover.json("jobs", *odd)["jobs"]) == 20, "20 failed jobs")
    operation = drover("bulk", "retry", *odd, "--rate", "1/m").strip()
    assert operation in drover("bulk", "show", "-q", "jobs", operation)
    drover("bulk", "abort", "-q", "jobs", operation)
    done = drover.run("bulk", "show", "-q", "jobs", operation, "--wait", "-o", "json")
    assert done.returncode == 1 and json.loads(done.out)["state"] == "aborted", done.err
    assert "would be" in drover("dead", "redrive", "-q", "jobs", "--error", "Odd", "--dry-run")
