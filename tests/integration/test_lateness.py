"""Short runs of lateness.py; how late retries are depends on the machine and is not judged here."""

import lateness


def test_A5_no_retry_is_early_under_load(kafka, folder):
    found = lateness.measure(kafka, folder, seconds=4, rate=100)
    assert found["retries"] == 800
    assert found["early"] == 0, found


def test_a_worker_in_a_crash_loop_costs_no_attempt(kafka, folder):
    found = lateness.crash_loop(kafka, folder, seconds=4, jobs=200)
    assert found["attempts_used"] == found["dead_lettered"] == 0
    assert found["crashes"] > 1
