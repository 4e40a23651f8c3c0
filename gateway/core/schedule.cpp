#include "gateway/core/schedule.h"

#include <algorithm>
#include <utility>

#include "src/jobqueue/job.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/names.h"
#include "src/jobqueue/utf8.h"

namespace drover::gateway {
namespace {

using jobqueue::JsonParts;
using jobqueue::JsonValue;

constexpr Duration patience = std::chrono::minutes(1);  // what starts within it was not missed
constexpr int most_to_catch_up = 1000;
constexpr std::size_t longest_text = 1024;

constexpr std::pair<MissedRuns, std::string_view> missed_names[] = {
    {MissedRuns::run_once, "runOnce"}, {MissedRuns::skip, "skip"}, {MissedRuns::catch_up, "catchUp"}};

std::string_view name_of(MissedRuns policy) {
    for (const auto& [each, name] : missed_names) {
        if (each == policy) return name;
    }
    return "";
}

std::string id_of(std::string_view queue, std::string_view name) {
    return std::string(queue) + "/" + std::string(name);
}

void add_text(std::string& out, std::string_view name, std::string_view text) {
    out += out.size() > 1 ? "," : "";
    jobqueue::append_json_string(out, name);
    out += ":";
    jobqueue::append_json_string(out, text);
}

void add_raw(std::string& out, std::string_view name, std::string_view json) {
    out += out.size() > 1 ? "," : "";
    jobqueue::append_json_string(out, name);
    out += ":";
    out += json;
}

class BodyReader {
public:
    void wrong(std::string_view field, std::string_view what) {
        problems_ += (problems_.empty() ? "" : "; ") + std::string(field) + " " + std::string(what);
    }
    void wrong_text(std::string_view text) { problems_ += (problems_.empty() ? "" : "; ") + std::string(text); }

    std::string text(std::string_view field, const JsonValue& value) {
        std::string buffer;
        if (value.kind() != JsonValue::Kind::string) {
            wrong(field, "must be a string");
            return {};
        }
        std::string found(value.string(buffer));
        if (found.size() > longest_text) wrong(field, "is longer than 1024 bytes");
        return found;
    }

    const std::string& problems() const { return problems_; }

private:
    std::string problems_;
};

void check_job(std::string_view text, BodyReader& reader) {
    const Result<jobqueue::Submission> job = jobqueue::parse_submission(text);
    if (!job) return reader.wrong_text("job: " + job.error().message);
    if (job->delay) reader.wrong("job.delay", "has no meaning in a schedule");
    if (job->run_at) reader.wrong("job.runAt", "has no meaning in a schedule");
    if (job->deadline) reader.wrong("job.deadline", "would be over after the first run");
    if (!job->unique_key.empty()) reader.wrong("job.uniqueKey", "has no meaning in a schedule");
}

// Fields that are not a user's stand in records only.
Result<Schedule> read_schedule(std::string_view queue, std::string_view name, std::string_view body, bool is_record) {
    BodyReader reader;
    if (const jobqueue::Complaint complaint = jobqueue::check_dns_label(name)) reader.wrong("name", *complaint);
    const Result<JsonValue> json = jobqueue::read_json(body);
    if (!json) return failure(Error::Code::invalid, "the body " + json.error().message);
    if (json->kind() != JsonValue::Kind::object) return failure(Error::Code::invalid, "the body must be a JSON object");
    Schedule schedule{
        .queue = std::string(queue), .name = std::string(name), .cron = {}, .time_zone = {}, .job = {}, .by = {}};
    bool has_cron = false;
    std::string buffer;
    for (JsonParts part(*json); part.next();) {
        const std::string field(part.name(buffer));
        const JsonValue& value = part.value();
        if (field == "queue" || field == "name" || field == "by" || field == "at") {
            const std::string text = reader.text(field, value);
            if (is_record && field == "by") schedule.by = text;
            if (is_record && field == "at") schedule.at = parse_rfc3339(text).value_or(Time{});
            // What was read may be written back as it is, and must not move.
            if (field == "queue" && text != queue) reader.wrong("queue", "is not the one of the path");
            if (field == "name" && text != name) reader.wrong("name", "is not the one of the path");
        } else if (value.kind() == JsonValue::Kind::null) {
            if (field != "timeZone" && field != "missedRuns" && field != "catchUpLimit" && field != "paused") {
                reader.wrong(field, "must not be null");
            }
        } else if (field == "cron") {
            has_cron = true;
            schedule.cron = reader.text(field, value);
            const Result<cron::Expression> read = cron::Expression::parse(schedule.cron);
            if (!read) reader.wrong_text("cron: " + read.error().message);
        } else if (field == "timeZone") {
            schedule.time_zone = reader.text(field, value);
            const Result<cron::Zone> read = cron::Zone::load(schedule.time_zone);
            if (!read) reader.wrong("timeZone", read.error().message);
        } else if (field == "missedRuns") {
            const std::string text = reader.text(field, value);
            const auto found = std::ranges::find(missed_names, text, [](const auto& each) { return each.second; });
            if (found == std::end(missed_names)) {
                reader.wrong(field, "must be runOnce, skip or catchUp");
            } else {
                schedule.missed_runs = found->first;
            }
        } else if (field == "catchUpLimit") {
            const std::optional<std::int64_t> number = value.integer();
            if (!number || *number < 1 || *number > most_to_catch_up) {
                reader.wrong(field, "must be a whole number from 1 to " + std::to_string(most_to_catch_up));
            } else {
                schedule.catch_up_limit = static_cast<int>(*number);
            }
        } else if (field == "paused") {
            if (value.kind() != JsonValue::Kind::boolean) reader.wrong(field, "must be true or false");
            schedule.paused = value.is_true();
        } else if (field == "job") {
            schedule.job = value.text();
            check_job(schedule.job, reader);
        } else {
            reader.wrong(field, "is not a field of a schedule");
        }
    }
    if (!has_cron) reader.wrong("cron", "is missing");
    if (schedule.job.empty()) reader.wrong("job", "is missing");
    if (!reader.problems().empty()) return failure(Error::Code::invalid, reader.problems());
    return schedule;
}

// Later than all that is done or not wanted any more.
void catch_up(const KnownSchedule& known, Time since, Time until, int most, std::vector<Time>& out) {
    for (; most > 0; --most) {
        const std::optional<Time> last = cron::last_within(known.expression, known.zone, since, until);
        if (!last) break;
        out.push_back(*last);
        until = *last - Duration{1};
    }
    std::ranges::reverse(out);
}

}  // namespace

Result<Schedule> parse_schedule(std::string_view queue, std::string_view name, std::string_view body) {
    return read_schedule(queue, name, body, false);
}

std::string schedule_json(const Schedule& schedule) {
    std::string out = "{";
    add_text(out, "queue", schedule.queue);
    add_text(out, "name", schedule.name);
    add_text(out, "cron", schedule.cron);
    if (!schedule.time_zone.empty()) add_text(out, "timeZone", schedule.time_zone);
    add_text(out, "missedRuns", name_of(schedule.missed_runs));
    if (schedule.missed_runs == MissedRuns::catch_up) {
        add_raw(out, "catchUpLimit", std::to_string(schedule.catch_up_limit));
    }
    add_raw(out, "paused", schedule.paused ? "true" : "false");
    add_raw(out, "job", schedule.job);
    if (!schedule.by.empty()) add_text(out, "by", schedule.by);
    if (schedule.at != Time{}) add_text(out, "at", format_rfc3339(schedule.at));
    return out + "}";
}

ScheduleMessage schedule_message(const Schedule& schedule) {
    return {std::string(schedule_prefix) + id_of(schedule.queue, schedule.name), schedule_json(schedule)};
}

ScheduleMessage schedule_removal(std::string_view queue, std::string_view name) {
    return {std::string(schedule_prefix) + id_of(queue, name), std::nullopt};
}

std::string_view schedule_id(std::string_view key) {
    for (const std::string_view prefix : {schedule_prefix, schedule_run_prefix}) {
        if (key.starts_with(prefix)) return key.substr(prefix.size());
    }
    return {};
}

std::string schedule_run_json(const ScheduleRun& run) {
    std::string out = "{";
    add_text(out, "rule", run.rule);
    add_text(out, "since", format_rfc3339(run.since));
    if (run.last_planned) add_text(out, "lastPlanned", format_rfc3339(*run.last_planned));
    if (run.last_at) add_text(out, "lastAt", format_rfc3339(*run.last_at));
    if (!run.last_job_id.empty()) add_text(out, "lastJobId", run.last_job_id);
    add_raw(out, "runs", std::to_string(run.runs));
    return out + "}";
}

Result<ScheduleRun> parse_schedule_run(std::string_view text) {
    const Result<JsonValue> json = jobqueue::read_json(text);
    if (!json) return failure(Error::Code::invalid, "the value " + json.error().message);
    ScheduleRun run;
    bool has_since = false;
    std::string name_buffer, buffer;
    for (JsonParts part(*json); part.next();) {
        const std::string_view name = part.name(name_buffer);
        const std::string_view value = part.value().string(buffer);
        if (name == "rule") run.rule = value;
        if (name == "lastJobId") run.last_job_id = value;
        if (name == "lastPlanned") run.last_planned = parse_rfc3339(value);
        if (name == "lastAt") run.last_at = parse_rfc3339(value);
        if (name == "runs") run.runs = part.value().integer().value_or(0);
        if (name == "since") {
            const std::optional<Time> since = parse_rfc3339(value);
            has_since = since.has_value();
            run.since = since.value_or(Time{});
        }
    }
    if (!has_since) return failure(Error::Code::invalid, "since is missing or no time");
    return run;
}

std::string rule_of(const Schedule& schedule) {
    return schedule.cron + "; " + (schedule.time_zone.empty() ? "UTC" : schedule.time_zone) +
           (schedule.paused ? "; paused" : "");
}

std::string schedule_job_id(std::string_view queue, std::string_view name, Time planned) {
    return jobqueue::named_job_id("schedule/" + id_of(queue, name) + "/" + format_rfc3339(planned));
}

std::vector<Time> next_runs(const KnownSchedule& known, Time after, int count) {
    std::vector<Time> runs;
    if (known.schedule.paused) return runs;
    while (static_cast<int>(runs.size()) < count) {
        const std::optional<Time> run = cron::next(known.expression, known.zone, runs.empty() ? after : runs.back());
        if (!run) break;
        runs.push_back(*run);
    }
    return runs;
}

Result<void> ScheduleBook::apply(std::string_view key, std::optional<std::string_view> value, Time timestamp) {
    const std::string_view id = schedule_id(key);
    const std::size_t slash = id.find('/');
    if (slash == std::string_view::npos || slash == 0) {
        return failure(Error::Code::invalid, jobqueue::clean_line(key, 200) + ": the key names no schedule");
    }
    const auto refuse = [&](const Error& error) {
        return failure(Error::Code::invalid, jobqueue::clean_line(key, 200) + ": " + error.message);
    };
    const bool is_run = key.starts_with(schedule_run_prefix);
    if (!is_run) ++records_[std::string(id)];
    if (!value) {
        if (is_run) {
            runs_.erase(std::string(id));
        } else {
            schedules_.erase(std::string(id));
        }
        return {};
    }
    if (is_run) {
        Result<ScheduleRun> run = parse_schedule_run(*value);
        if (!run) return refuse(run.error());
        runs_.insert_or_assign(std::string(id), std::move(*run));
        return {};
    }
    Result<Schedule> schedule = read_schedule(id.substr(0, slash), id.substr(slash + 1), *value, true);
    if (!schedule) return refuse(schedule.error());
    // Both were read once above.
    Result<cron::Expression> expression = cron::Expression::parse(schedule->cron);
    const Result<cron::Zone> zone = cron::Zone::load(schedule->time_zone);
    Result<jobqueue::Submission> job = jobqueue::parse_submission(schedule->job);
    if (!expression) return refuse(expression.error());
    if (!zone) return refuse(zone.error());
    if (!job) return refuse(job.error());
    schedules_.insert_or_assign(std::string(id), KnownSchedule{std::move(*schedule), std::move(*expression), *zone,
                                                               std::move(*job), timestamp});
    return {};
}

const KnownSchedule* ScheduleBook::find(std::string_view queue, std::string_view name) const {
    const auto found = schedules_.find(id_of(queue, name));
    return found == schedules_.end() ? nullptr : &found->second;
}

std::uint64_t ScheduleBook::records_of(std::string_view queue, std::string_view name) const {
    const auto found = records_.find(id_of(queue, name));
    return found == records_.end() ? 0 : found->second;
}

const ScheduleRun* ScheduleBook::run_of(std::string_view queue, std::string_view name) const {
    const auto found = runs_.find(id_of(queue, name));
    return found == runs_.end() ? nullptr : &found->second;
}

std::vector<const KnownSchedule*> ScheduleBook::of_queue(std::string_view queue) const {
    std::vector<const KnownSchedule*> found;
    const std::string prefix = std::string(queue) + "/";
    for (auto each = schedules_.lower_bound(prefix); each != schedules_.end() && each->first.starts_with(prefix);
         ++each) {
        found.push_back(&each->second);
    }
    return found;
}

DueRuns due_runs(const KnownSchedule& known, const std::optional<ScheduleRun>& before, Time now, int most) {
    DueRuns due;
    due.run = before.value_or(ScheduleRun{});
    if (std::string rule = rule_of(known.schedule); !before || before->rule != rule) {
        // A new rule says nothing of the time before it was told. Times are written in milliseconds.
        due.run.rule = std::move(rule);
        due.run.since = std::max<Time>(due.run.since, std::chrono::floor<std::chrono::milliseconds>(known.told_at));
        due.changed = true;
    }
    if (known.schedule.paused) return due;

    const Time in_time = std::max<Time>(due.run.since, now - patience);
    // Whole seconds, so that what is written is what was meant.
    const Time missed_until = std::chrono::floor<std::chrono::seconds>(in_time);
    const bool missed =
        missed_until > due.run.since && cron::is_due_within(known.expression, known.zone, due.run.since, missed_until);
    std::vector<Time> planned;
    if (missed && known.schedule.missed_runs == MissedRuns::catch_up) {
        catch_up(known, due.run.since, missed_until, known.schedule.catch_up_limit, planned);
    }
    std::optional<Time> next = cron::next(known.expression, known.zone, missed ? missed_until : due.run.since);
    for (; next && *next <= now && static_cast<int>(planned.size()) <= most;
         next = cron::next(known.expression, known.zone, *next)) {
        planned.push_back(*next);
    }
    if (missed && known.schedule.missed_runs == MissedRuns::run_once && planned.empty()) {
        planned.push_back(
            cron::last_within(known.expression, known.zone, due.run.since, missed_until).value_or(missed_until));
    }
    const bool more = static_cast<int>(planned.size()) > most;
    if (more) planned.resize(static_cast<std::size_t>(most));
    if (missed) due.run.since = std::max(due.run.since, more ? due.run.since : missed_until);
    if (!planned.empty()) {
        due.run.since = std::max(due.run.since, planned.back());
        due.run.last_planned = planned.back();
        due.run.last_at = std::chrono::floor<std::chrono::milliseconds>(now);
        due.run.last_job_id = schedule_job_id(known.schedule.queue, known.schedule.name, planned.back());
        due.run.runs += static_cast<std::int64_t>(planned.size());
    }
    due.changed = due.changed || missed || !planned.empty();
    due.again = more ? std::optional(now) : next;
    due.planned = std::move(planned);
    return due;
}

jobqueue::Submission job_of(const KnownSchedule& known, Time planned) {
    jobqueue::Submission job = known.job;
    job.id = schedule_job_id(known.schedule.queue, known.schedule.name, planned);
    return job;
}

}  // namespace drover::gateway
