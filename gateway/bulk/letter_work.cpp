// Redrives dead letters in bulk: a first look at all of them says which, a second reading does it.
#include <algorithm>
#include <deque>
#include <set>
#include <variant>

#include "gateway/bulk/bulk_run.h"
#include "gateway/core/deed_records.h"
#include "src/kafka/admin.h"
#include "src/redrive/letter_reader.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using letters::LetterPlace;
using redrive::LetterReader;
using redrive::WriteError;
using redrive::WriteFault;

constexpr std::size_t most_in_batch = 500;
constexpr std::size_t most_batch_bytes = 4 << 20;
constexpr std::size_t letters_at_once = 1000;
constexpr auto longest_read = 200ms;
constexpr Duration longest_wait = 500ms;
constexpr Duration after_refusal = 1s;
constexpr auto ask_patience = 10s;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

// A letter that was chosen, and what it becomes; without records: what is wrong with it.
struct Next {
    LetterPlace place;
    std::vector<LetterPlace> places;  // with the others that stand for the same job
    std::vector<redrive::Record> records;
    std::size_t bytes = 0;
    std::string fault;
};

class LetterWork {
public:
    explicit LetterWork(BulkRun& run) : run_(run), queue_(run.queue()) {}

    Result<bool> all() {
        request_.max_payload = queue_.queue.delivery.max_payload;
        request_.lanes = {{std::string("normal"), queue_.topics.main}};
        for (const auto& lane : queue_.topics.lanes) {
            if (lane.topic != queue_.topics.main) request_.lanes.push_back(lane);
        }
        if (!run_.operation().order.edit.empty()) {
            auto edit = letters::PayloadEdit::parse(run_.operation().order.edit);
            if (!edit) return tl::unexpected(edit.error());
            request_.edit = std::move(*edit);
        }
        BulkOperation plan = run_.operation();
        if (!plan.is_planned) {
            auto ends = ends_of_letters();
            if (!ends) return tl::unexpected(ends.error());
            plan.ends = std::move(*ends);
        }
        const Result<bool> looked = look(plan);
        if (!looked || !*looked) return looked;
        if (!plan.is_planned) {
            plan.is_planned = true;
            plan.counts.matched = choice_.jobs();
            const auto written = run_.write(BulkRun::Batch{}, plan);
            if (!written) return tl::unexpected(written.error().error);
        }
        return redrive_all();
    }

private:
    Result<LetterReader::Offsets> ends_of_letters() {
        const auto admin = kafka::Admin::connect(run_.context().kafka, ask_patience);
        if (!admin) return tl::unexpected(admin.error());
        const std::string& topic = queue_.topics.dead_letters;
        const auto topics = (*admin)->topics({topic});
        if (!topics) return tl::unexpected(topics.error());
        if (!topics->contains(topic)) return failure(Error::Code::not_found, "there is no topic " + topic);
        std::vector<kafka::TopicPartition> partitions;
        for (int i = 0; i < topics->at(topic); ++i) partitions.push_back({topic, i});
        const auto offsets = (*admin)->offsets(partitions);
        if (!offsets) return tl::unexpected(offsets.error());
        LetterReader::Offsets ends;
        for (const auto& [partition, range] : *offsets) ends[partition.partition] = range.end;
        return ends;
    }

    bool is_settled(const BulkOperation& operation, LetterPlace place) const {
        const auto next = operation.next.find(place.first);
        return next != operation.next.end() && place.second < next->second;
    }

    // False: it is to end.
    Result<bool> look(const BulkOperation& plan) {
        const auto redriven = run_.redriven();
        if (!redriven) return tl::unexpected(redriven.error());
        auto reader = LetterReader::open(run_.context().kafka, jobqueue::group_of(queue_.queue),
                                         queue_.topics.dead_letters, {}, plan.ends);
        if (!reader) return tl::unexpected(reader.error());
        std::vector<letters::RedriveCandidate> candidates;
        std::set<letters::JobRun> redriven_job_runs;
        while (!(*reader)->at_end()) {
            if (run_.is_to_end()) return false;
            const Result<void> taken =
                (*reader)->take(letters_at_once, longest_read, [&](const letters::LetterRecord& record) {
                    const letters::DeadLetter letter = letters::read_dead_letter(record);
                    const LetterPlace place{record.partition, record.offset};
                    if (std::ranges::binary_search(*redriven, place)) {
                        redriven_job_runs.insert(letters::job_run_of(letter));
                    } else if (!is_settled(plan, place) && bulk_matches(plan.order.filter, job_of(letter))) {
                        candidates.push_back({place, letters::job_run_of(letter), letter.failed_at});
                    }
                });
            if (!taken) return tl::unexpected(taken.error());
        }
        choice_ = letters::choose(std::move(candidates), redriven_job_runs, std::nullopt);
        return true;
    }

    Job job_of(const letters::DeadLetter& letter) const {
        return job_of_letter(letter, queue_.topics.main, queue_.name);
    }

    Result<bool> redrive_all() {
        LetterReader::Offsets from;
        for (const auto& [partition, offset] : choice_.letters) from.try_emplace(partition, offset);
        LetterReader::Offsets ends;  // of partitions with chosen letters only
        for (const auto& [partition, offset] : choice_.letters) ends[partition] = offset + 1;
        auto reader = LetterReader::open(run_.context().kafka, jobqueue::group_of(queue_.queue),
                                         queue_.topics.dead_letters, from, ends);
        if (!reader) return tl::unexpected(reader.error());
        BulkPace pace(run_.operation().order.rate, now());
        while (!next_.empty() || !(*reader)->at_end()) {
            if (run_.is_to_end()) return false;
            if (next_.empty()) {
                const Result<void> taken =
                    (*reader)->take(most_in_batch, longest_read, [&](const letters::LetterRecord& record) {
                        if (choice_.takes({record.partition, record.offset})) prepare(record);
                    });
                if (!taken) return tl::unexpected(taken.error());
                continue;
            }
            (*reader)->serve();
            const std::size_t count = pace.allowed(now(), std::min(next_.size(), most_in_batch));
            if (count == 0) {
                run_.wait(std::min(pace.wait(), longest_wait));
                continue;
            }
            const Result<std::size_t> done = redrive_some(count);
            if (!done) return tl::unexpected(done.error());
            pace.took(*done);
        }
        return true;
    }

    void prepare(const letters::LetterRecord& record) {
        const letters::DeadLetter letter = letters::read_dead_letter(record);
        Next next{.place = {record.partition, record.offset}, .places = {{record.partition, record.offset}}};
        if (const auto others = choice_.others.find(letters::job_run_of(letter)); others != choice_.others.end()) {
            next.places.insert(next.places.end(), others->second.begin(), others->second.end());
        }
        const Time time = now();
        const letters::RedriveDecision decision = letters::decide_redrive(record, letter, request_, nullptr, time);
        if (const auto* refused = std::get_if<letters::Refused>(&decision)) {
            next.fault = letter.job_id + ": " + refused->reason;
        } else if (const auto* job = std::get_if<letters::RedrivenJob>(&decision)) {
            next.records =
                redrive::redriven_records(record, *job, redriver_queue(queue_), next.places, run_.operation().by, time);
            next.bytes = next.records.front().value.value_or("").size();
            if (queue_.queue.events) {
                next.records.push_back(
                    {std::string(jobqueue::events_topic), job->id, retry_event(job_of(letter), job->run, time), {}});
            }
        }
        next_.push_back(std::move(next));
    }

    // How many of the next `count` it has done something about.
    Result<std::size_t> redrive_some(std::size_t count) {
        std::size_t bytes = 0, fitting = 0;
        while (fitting < count && (fitting == 0 || bytes + next_[fitting].bytes <= most_batch_bytes))
            bytes += next_[fitting++].bytes;
        std::vector<std::size_t> letter_of;  // of each record
        const auto written = run_.write([&](const std::set<LetterPlace>& redriven) {
            BulkRun::Batch batch;
            BulkOperation then = run_.operation();
            letter_of.clear();
            for (std::size_t i = 0; i < fitting; ++i) {
                const Next& each = next_[i];
                then.next[each.place.first] = each.place.second + 1;
                if (!each.fault.empty()) {
                    ++then.counts.failed;
                    then.trouble = each.fault;
                } else if (std::ranges::any_of(each.places, [&](const auto& p) { return redriven.contains(p); })) {
                    ++then.counts.skipped;
                } else {
                    ++then.counts.done;
                    batch.records.insert(batch.records.end(), each.records.begin(), each.records.end());
                    batch.redriven.insert(batch.redriven.end(), each.places.begin(), each.places.end());
                    letter_of.resize(batch.records.size(), i);
                }
            }
            return std::pair(std::move(batch), std::move(then));
        });
        if (written) {
            next_.erase(next_.begin(), next_.begin() + static_cast<std::ptrdiff_t>(fitting));
            return fitting;
        }
        const WriteError& error = written.error();
        if (error.fault == WriteFault::lost) return tl::unexpected(error.error);
        const bool is_its_fault =
            error.error.code == Error::Code::too_large || error.error.code == Error::Code::invalid;
        if (is_its_fault && error.record && *error.record < letter_of.size()) {
            Next& at_fault = next_[letter_of[*error.record]];
            at_fault.fault = "a letter of partition " + std::to_string(at_fault.place.first) + ", offset " +
                             std::to_string(at_fault.place.second) + ": " + error.error.message;
            return 0;
        }
        const bool is_final =
            is_its_fault || error.error.code == Error::Code::not_found || error.error.code == Error::Code::unauthorized;
        if (is_final) return failure(error.error.code, error.error.message);
        run_.tell_trouble(error.error.message);
        run_.wait(after_refusal);
        return 0;
    }

    BulkRun& run_;
    const KnownQueue& queue_;
    letters::RedriveRequest request_;
    letters::RedriveChoice choice_;
    std::deque<Next> next_;
};

}  // namespace

Result<bool> work_off_letters(BulkRun& run) { return LetterWork(run).all(); }

}  // namespace drover::gateway
