#include "src/letters/redrive.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>

#include "src/base/digest.h"

namespace drover::letters {
namespace {

std::string payload_left_out(const DeadLetter& letter) {
    std::string reason = "its payload did not fit into the dead-letter topic";
    if (letter.origin)
        reason += "; the job's own record is " + letter.origin->topic + " partition " +
                  std::to_string(letter.origin->partition) + " offset " + std::to_string(letter.origin->offset);
    return reason;
}

// Where the job came from, if that is one of the queue's lanes.
std::string lane_of(const DeadLetter& letter, const std::vector<jobqueue::LaneTopic>& lanes) {
    const bool known =
        letter.origin && std::ranges::find(lanes, letter.origin->topic, &jobqueue::LaneTopic::topic) != lanes.end();
    return known ? letter.origin->topic : lanes.front().topic;
}

}  // namespace

JobRun job_run_of(const DeadLetter& letter) {
    std::string name = letter.job_id + '\0' + std::to_string(letter.run);
    if (letter.origin)  // somebody may have given one id to two jobs
        name += '\0' + letter.origin->topic + '/' + std::to_string(letter.origin->partition) + '/' +
                std::to_string(letter.origin->offset);
    const std::string digest = sha256_hex(name);
    JobRun job_run{};
    for (std::size_t i = 0; i < job_run.size(); ++i)
        std::from_chars(digest.data() + i * 16, digest.data() + (i + 1) * 16, job_run[i], 16);
    return job_run;
}

RedriveDecision decide_redrive(const LetterRecord& record, const DeadLetter& letter, const RedriveRequest& request,
                               const RedrivenMark* mark, Time now) {
    if (!request.filter.matches(letter)) return NotRedriven::not_asked_for;
    if (mark != nullptr) return NotRedriven::redriven_before;
    if (letter.payload_left_out) return Refused{payload_left_out(letter)};
    RedrivenJob job{.id = letter.job_id, .run = letter.run, .topic = lane_of(letter, request.lanes)};
    if (job.run < std::numeric_limits<int>::max()) ++job.run;
    if (request.edit) {
        auto edited = request.edit->apply(record.value.value_or(std::string_view()));
        if (!edited) return Refused{edited.error().message};
        job.edited = std::move(*edited);
    }
    const std::size_t bytes = job.edited ? job.edited->size() : record.value.value_or(std::string_view()).size();
    if (request.max_payload && bytes > static_cast<std::size_t>(*request.max_payload)) {
        return Refused{"its payload has " + std::to_string(bytes) + " bytes, the queue takes " +
                       std::to_string(*request.max_payload)};
    }
    job.headers = jobqueue::redrive_headers(record.fields, job.id, job.run, now);
    return job;
}

RedriveChoice choose(std::vector<RedriveCandidate> candidates, const std::set<JobRun>& redriven_job_runs,
                     std::optional<std::int64_t> limit) {
    std::erase_if(candidates, [&](const RedriveCandidate& each) { return redriven_job_runs.contains(each.job_run); });
    std::ranges::sort(candidates, {}, [](const RedriveCandidate& each) {
        return std::tuple(each.job_run, each.failed_at, each.place);
    });
    std::vector<RedriveCandidate> firsts;
    for (const RedriveCandidate& each : candidates) {
        if (firsts.empty() || firsts.back().job_run != each.job_run) firsts.push_back(each);
    }
    if (limit && static_cast<std::int64_t>(firsts.size()) > *limit) {
        std::ranges::sort(firsts, {},
                          [](const RedriveCandidate& each) { return std::pair(each.failed_at, each.place); });
        firsts.resize(static_cast<std::size_t>(*limit));
    }
    RedriveChoice choice;
    for (const RedriveCandidate& each : firsts) choice.letters.push_back(each.place);
    std::ranges::sort(choice.letters);
    for (std::size_t i = 1; i < candidates.size(); ++i) {
        const RedriveCandidate& each = candidates[i];
        if (candidates[i - 1].job_run == each.job_run) choice.others[each.job_run].push_back(each.place);
    }
    return choice;
}

bool RedriveChoice::takes(LetterPlace place) const { return std::ranges::binary_search(letters, place); }

std::optional<double> parse_rate(std::string_view text) {
    double per = 1;
    if (const auto slash = text.find('/'); slash != std::string_view::npos) {
        const std::string_view unit = text.substr(slash + 1);
        if (unit != "s" && unit != "m" && unit != "h") return std::nullopt;
        per = unit == "s" ? 1 : unit == "m" ? 60 : 3600;
        text = text.substr(0, slash);
    }
    double number = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc{} || stop != end || !std::isfinite(number) || number <= 0) return std::nullopt;
    return number / per;
}

}  // namespace drover::letters
