// Kafka in the simulated world: logs, who owns them, what is written and committed.
#include <algorithm>
#include <utility>

#include "tests/sidecar/core/delivery_world.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using How = action::Settled::How;

std::string_view name_of(How how) {
    switch (how) {
        case How::completed: return "completed";
        case How::cancelled: return "cancelled";
        case How::retried: return "retried";
        case How::dead_lettered: return "dead-lettered";
        case How::moved: return "moved";
        case How::repeated: return "repeated";
        case How::dropped: return "dropped";
    }
    return "?";
}

}  // namespace

void DeliveryWorld::append(std::size_t index, Record record) {
    Log& log = logs_[index];
    if (chance(10)) log.end += 1 + die(3);  // transaction markers
    // Records that were deleted. What finishes behind such a gap fits into no map, so it may be repeated.
    if (scenario_.violent && chance(1)) log.end += 1'000'000'000'000;
    record.offset = log.end++;
    const Job& job = jobs_[static_cast<std::size_t>(record.job)];
    if (job.has_id || log.step > Duration{0}) {
        record.print = fingerprint(text("job-", record.job), 0, record.attempts_made, record.hops);
    }
    log.records.push_back(record);
    if (chance(10)) ++log.end;
}

void DeliveryWorld::assign(std::size_t index) {
    Log& log = logs_[index];
    if (log.owner) return;
    std::vector<int> candidates;
    for (int member = 0; member < scenario_.members; ++member) {
        if (!members_[static_cast<std::size_t>(member)].draining) candidates.push_back(member);
    }
    if (candidates.empty()) return at(now_ + 10ms, [this, index] { assign(index); });
    const int chosen = candidates[static_cast<std::size_t>(die(static_cast<int>(candidates.size())))];
    const AssignmentId id = ++last_assignment_;
    log.owner = id;
    const auto first = std::ranges::find_if(log.records, [&](const Record& r) { return r.offset >= log.committed; });
    members_[static_cast<std::size_t>(chosen)].assignments[id] = {
        .log = index, .next = static_cast<std::size_t>(first - log.records.begin())};
    const auto metadata = jobqueue::decode_commit_metadata(log.metadata, log.committed);
    note(text("log ", index, " from ", log.committed, " to member ", chosen, " as ", id));
    Member& member = member_at(chosen);
    if (!member.first_assigned_at) member.first_assigned_at = now_;
    step(chosen, event::Assigned{id, log.committed, metadata.value_or(jobqueue::CommitMetadata{}), log.step, log.lane});
    if (scenario_.violent && chance(30)) return;  // what was finished cannot be read back
    for (auto record = log.records.begin(); record != first; ++record) {
        if (record->print) step(chosen, event::Finished{id, *record->print});
    }
}

void DeliveryWorld::fetch(int index) {
    Member& member = member_at(index);
    std::vector<AssignmentId> ids;
    for (const auto& [id, assignment] : member.assignments) ids.push_back(id);
    for (const AssignmentId id : ids) {
        while (member.engine->room(id) > 0 && broken_.empty()) {
            const auto found = member.assignments.find(id);
            if (found == member.assignments.end()) break;
            Assignment& assignment = found->second;
            const Log& log = logs_[assignment.log];
            if (assignment.next == log.records.size()) break;
            Slot slot = 0;
            while (member.slots.contains(slot)) ++slot;
            const Record record = log.records[assignment.next];
            const Job& job = jobs_[static_cast<std::size_t>(record.job)];
            member.slots[slot] = {
                .log = assignment.log, .record = assignment.next, .assignment = id, .arrived_at = now_, .since = now_};
            ++assignment.next;
            event::Arrived arrived{.assignment = id,
                                   .slot = slot,
                                   .offset = record.offset,
                                   .bytes = job.bytes,
                                   .key = job.key,
                                   .attempts_made = record.attempts_made,
                                   .max_attempts = job.max_attempts,
                                   .timeout = job.timeout,
                                   .due_at = record.due_at,
                                   .deadline = job.deadline,
                                   .appended_at = record.appended_at,
                                   .fingerprint = record.print,
                                   .cancelled = member.taken_back.contains(record.job)};
            if (scenario_.lanes > 1 && log.step > Duration{0}) arrived.lane = job.lane;
            if (job.unfit) arrived.unfit = std::make_unique<jobqueue::Cause>(jobqueue::Cause{.error_class = "Unfit"});
            note(text("member ", index, " slot ", slot, ": job ", record.job, " of ", id, " at ", record.offset));
            step(index, std::move(arrived));
        }
        const auto found = member.assignments.find(id);
        if (found == member.assignments.end()) continue;
        const Log& log = logs_[found->second.log];
        if (found->second.next == log.records.size() && found->second.told_end != log.end) {
            found->second.told_end = log.end;
            step(index, event::ReachedEnd{id, log.end});
        }
    }
}

void DeliveryWorld::write(int index, Slot slot, bool too_large, Letter letter, std::function<void()> land) {
    Held& held = member_at(index).slots.at(slot);
    if (held.lease) fail("a job in flight is written");
    if (held.completed && letter != Letter::event) fail("a complete job goes on");
    if (held.letter == Letter::event && letter != Letter::event) fail("a job goes on whose end is being told");
    held.letter = letter;
    held.refused_size |= too_large;
    const bool fails = too_large || (!calm() && chance(scenario_.write_trouble));
    counts_.write_failures += fails ? 1 : 0;
    const Duration landing = between(0, 30), acknowledged = landing + between(0, 30);
    if (!fails || (scenario_.violent && !too_large && chance(30))) {
        if (scenario_.violent && chance(50)) {
            at(now_ + landing, std::move(land));  // even if the member dies meanwhile
        } else {
            later(index, landing, std::move(land));
        }
    }
    later(index, acknowledged, [this, index, slot, fails, too_large] {
        Held& written = member_at(index).slots.at(slot);
        note(text("member ", index, " slot ", slot, fails ? ": not written" : ": written"));
        if (fails) return step(index, event::WriteFailed{slot, too_large});
        record_of(written).finished = true;
        step(index, event::Written{slot});
    });
}

void DeliveryWorld::perform(int index, const action::WriteRetry& retry) {
    Member& member = member_at(index);
    const auto found = member.slots.find(retry.slot);
    if (found == member.slots.end()) return fail("a retry of a slot that holds nothing");
    const Held& held = found->second;
    const Job& job = job_of(held);
    note(text("member ", index, " slot ", retry.slot, ": retry, step ", retry.step, ", made ", retry.attempts_made));
    if (in_place()) fail("a retry leaves its place");
    if (held.letter == Letter::none && member.taken_back.contains(record_of(held).job)) {
        fail("a job goes on after its cancel");
    }
    if (retry.step >= config_.retry_steps.size()) return fail("a retry without a topic");
    if (held.letter == Letter::none && retry.attempts_made >= most_attempts(member, job)) {
        fail("a retry without an attempt left");
    }
    if (retry.due_at < job.not_before) fail("a retry is due early");
    const bool hop = retry.why == action::WriteRetry::Why::not_due;
    if (!hop && retry.cause.error_class.empty()) fail("a retry without its cause");
    if (!scenario_.violent && retry.attempts_made != job.attempts_used) fail("a retry with another count of attempts");
    ++(hop ? counts_.hops : counts_.retried);
    const std::size_t log =
        (static_cast<std::size_t>(scenario_.lanes) + retry.step) * partitions() + held.log % partitions();
    const int hops = retry.why == action::WriteRetry::Why::failed ? 0 : record_of(held).hops + 1;
    const Record next{
        .job = record_of(held).job, .attempts_made = retry.attempts_made, .hops = hops, .due_at = retry.due_at};
    write(index, retry.slot, job.too_large_to_retry, Letter::retry, [this, log, next] {
        Record landed = next;
        landed.appended_at = now_;
        append(log, landed);
    });
}

void DeliveryWorld::perform(int index, const action::WriteDeadLetter& letter) {
    Member& member = member_at(index);
    const auto found = member.slots.find(letter.slot);
    if (found == member.slots.end()) return fail("a dead letter of a slot that holds nothing");
    const Held& held = found->second;
    const Job& job = job_of(held);
    const int number = record_of(held).job;
    const std::string& why = letter.cause.error_class;
    note(text("member ", index, " slot ", letter.slot, ": dead letter of job ", number, ", ", why));
    if (letter.without_payload && !held.refused_size) fail("a dead letter without its payload");
    const bool exhausted = letter.attempts_made >= most_attempts(member, job) || held.letter == Letter::dead_letter;
    counts_.exhausted += why == "AttemptsExhausted" ? 1 : 0;
    if (why == "DeadlineExceeded") {
        ++counts_.deadlines;
        if (!job.deadline) fail("a deadline passed that there is not");
        // Not before it is certain that no try is left.
        if (job.deadline && *job.deadline > std::max({now_ + config_.retry.max_delay * 2, job.not_before,
                                                      record_of(held).due_at.value_or(now_)})) {
            fail("a deadline is found to have passed early");
        }
    } else if (why == "RetryTooLarge") {
        if (!job.too_large_to_retry) fail("a retry was too large that was not");
    } else if (why == "Unfit") {
        if (!job.unfit) fail("a job is unfit that is not");
    } else if (why == "Http400") {
        if (!letter.tried) fail("refused without a try");
    } else if (!exhausted) {
        fail(text("job ", number, " dies of '", why, "' with attempts left"));
    }
    if (!scenario_.violent && letter.attempts_made != job.attempts_used)
        fail("a dead letter with another count of attempts");
    write(index, letter.slot, job.too_large_for_dead_letters && !letter.without_payload, Letter::dead_letter,
          [this, number] {
              ++jobs_[static_cast<std::size_t>(number)].dead_letters;
              ++counts_.dead_letters;
          });
}

void DeliveryWorld::perform(int index, const action::WriteEvent& event) {
    Member& member = member_at(index);
    const auto found = member.slots.find(event.slot);
    if (found == member.slots.end()) return fail("an event of a slot that holds nothing");
    const Held& held = found->second;
    const int number = record_of(held).job;
    note(text("member ", index, " slot ", event.slot, ": event, job ", number,
              event.cancelled ? " cancelled" : " completed"));
    if (!scenario_.events) fail("an event that nobody asked for");
    if (event.cancelled == held.completed) fail("another end is told than there was");
    if (event.cancelled && !member.taken_back.contains(number)) fail("cancelled by nobody");
    if (event.without_result && !held.refused_size) fail("an event without its result");
    const bool too_large = job_of(held).too_large_a_result && !event.without_result;
    write(index, event.slot, too_large, Letter::event, [this, number, cancelled = event.cancelled] {
        ++counts_.events;
        ++jobs_[static_cast<std::size_t>(number)].events;
        jobs_[static_cast<std::size_t>(number)].cancelled += cancelled ? 1 : 0;
    });
}

void DeliveryWorld::perform(int index, const action::Settled& settled) {
    Member& member = member_at(index);
    const auto found = member.slots.find(settled.slot);
    if (found == member.slots.end()) return fail("a slot is settled that holds nothing");
    const Held& held = found->second;
    note(text("member ", index, " slot ", settled.slot, ": ", name_of(settled.how)));
    if (held.lease) fail("a job in flight is settled");
    const auto assignment = member.assignments.find(held.assignment);
    const bool leaving = assignment == member.assignments.end() || assignment->second.revoking || member.draining;
    Record& record = record_of(held);
    const bool finished = record.finished;
    switch (settled.how) {
        case How::completed:
            if (!held.completed) fail("completed without an answer");
            if (!finished) fail("completed, and its end is not told");
            break;
        case How::cancelled:
            ++counts_.cancelled;
            if (held.completed) fail("a complete job is cancelled");
            if (!member.taken_back.contains(record.job)) fail("cancelled by nobody");
            if (scenario_.events && !finished) fail("cancelled, and its end is not told");
            if (!scenario_.events) ++job_of(held).cancelled;
            record.finished = true;
            break;
        case How::retried:
        case How::moved:
            if (!finished || held.letter != Letter::retry) fail("retried without a record");
            break;
        case How::dead_lettered:
            if (!finished || held.letter != Letter::dead_letter) fail("dead-lettered without a dead letter");
            break;
        case How::repeated:
            if (!finished && !is_repeated(held)) fail("taken for finished");
            counts_.duplicates += finished ? 0 : 1;
            record.finished = true;
            break;
        case How::dropped:
            ++counts_.dropped;
            if (!leaving) fail("dropped without a reason");
            break;
    }
    const Held gone = held;
    member.slots.erase(found);
    for (auto& [slot, next] : member.slots) {
        if (is_before(gone, next)) next.since = now_;
    }
}

bool DeliveryWorld::is_repeated(const Held& held) const {
    const std::vector<Record>& records = logs_[held.log].records;
    const auto print = records[held.record].print;
    const auto end = records.begin() + static_cast<std::ptrdiff_t>(held.record);
    return print && std::any_of(records.begin(), end, [&](const Record& r) { return r.print == print; });
}

void DeliveryWorld::perform(int index, const action::Commit& commit) {
    Member& member = member_at(index);
    const auto found = member.assignments.find(commit.assignment);
    if (found == member.assignments.end()) return fail("a commit of a partition that is gone");
    Assignment& assignment = found->second;
    Log& log = logs_[assignment.log];
    if (assignment.committing) fail("two commits of a partition at once");
    assignment.committing = true;
    if (commit.offset < log.committed) fail("a commit goes backwards");
    if (commit.offset > log.end) fail("a commit past the end");
    const std::string encoded = jobqueue::encode_commit_metadata(commit.metadata, commit.offset, metadata_bytes_);
    if (encoded.size() > metadata_bytes_) fail("too much metadata");
    const auto told = jobqueue::decode_commit_metadata(encoded, commit.offset);
    if (metadata_bytes_ > 100 && !told) fail("metadata that nobody can read");
    for (const Record& record : log.records) {
        const bool told_finished = told && std::ranges::any_of(told->finished, [&](const auto& run) {
                                       return run.first <= record.offset && record.offset < run.first + run.count;
                                   });
        if ((record.offset < commit.offset || told_finished) && !record.finished) {
            fail(text("committed past job ", record.job, " at ", record.offset));
        }
    }
    note(text("member ", index, ": commits ", commit.assignment, " at ", commit.offset));

    const bool fails = !calm() && chance(scenario_.commit_trouble);
    const auto apply = [this, id = commit.assignment, index = assignment.log, offset = commit.offset, encoded] {
        if (logs_[index].owner != id) return;  // fenced
        logs_[index].committed = offset;
        logs_[index].metadata = encoded;
    };
    if (!fails || chance(30)) apply();
    later(index, between(0, 150), [this, index, id = commit.assignment, fails] {
        Member& committer = member_at(index);
        if (const auto still = committer.assignments.find(id); still != committer.assignments.end()) {
            still->second.committing = false;
        }
        step(index, event::Committed{id, !fails});
    });
}

void DeliveryWorld::perform(int index, const action::Detach& detach) {
    Member& member = member_at(index);
    const auto found = member.slots.find(detach.slot);
    if (found == member.slots.end()) return fail("a record is detached that is not there");
    if (found->second.lease) fail("the record of a job in flight is detached");
    if (std::exchange(found->second.detached, true)) fail("a record is detached twice");
}

void DeliveryWorld::perform(int index, const action::Release& release) {
    Member& member = member_at(index);
    const auto found = member.assignments.find(release.assignment);
    note(text("member ", index, ": releases ", release.assignment));
    ++counts_.released;
    if (found == member.assignments.end()) return fail("a release of a partition that is gone");
    if (!found->second.revoking) fail("a release that nobody asked for");
    if (found->second.committing) fail("a release during a commit");
    for (const auto& [slot, held] : member.slots) {
        if (held.assignment == release.assignment) fail("a release with jobs in hand");
    }
    const std::size_t log = found->second.log;
    member.assignments.erase(found);
    logs_[log].owner.reset();
    at(now_ + between(0, 50), [this, log] { assign(log); });
}

}  // namespace drover::sidecar
