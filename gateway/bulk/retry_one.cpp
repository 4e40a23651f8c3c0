#include "gateway/bulk/retry_one.h"

#include <algorithm>
#include <variant>

#include "gateway/core/bulk_order.h"
#include "gateway/core/deed_records.h"
#include "src/kafka/admin.h"
#include "src/letters/redrive.h"
#include "src/redrive/letter_reader.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using redrive::LetterReader;
using redrive::WriteFault;
using Clock = std::chrono::steady_clock;

constexpr auto ask_patience = 10s;
constexpr auto patience = 20s;
constexpr auto without_a_sign = 15s;
constexpr std::size_t letters_at_once = 1000;
constexpr Duration clocks_differ = std::chrono::minutes(1);
constexpr int most_tries = 5;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

// A letter with its own memory.
struct KeptLetter {
    letters::DeadLetter letter;
    std::string topic;
    Time timestamp{};
    std::optional<std::string> key, value;
    std::vector<Field> fields;
};

class Search {
public:
    Search(BulkContext& context, const RetryOne& what) : context_(context), what_(what) {}

    // The job's last letter.
    Result<KeptLetter> find() {
        const std::string& topic = what_.queue->topics.dead_letters;
        const auto admin = kafka::Admin::connect(context_.kafka, ask_patience);
        if (!admin) return tl::unexpected(admin.error());
        const auto topics = (*admin)->topics({topic});
        if (!topics) return tl::unexpected(topics.error());
        if (!topics->contains(topic)) return failure(Error::Code::not_found, "there is no topic " + topic);
        std::vector<kafka::TopicPartition> partitions;
        for (int i = 0; i < topics->at(topic); ++i) partitions.push_back({topic, i});
        const auto offsets = (*admin)->offsets(partitions);
        if (!offsets) return tl::unexpected(offsets.error());
        LetterReader::Offsets begins, ends;
        for (const auto& [partition, range] : *offsets) {
            begins[partition.partition] = range.start;
            ends[partition.partition] = range.end;
        }
        if (what_.hint) {  // most letters are not from the minute in which this job failed
            const auto at = (*admin)->offsets_at(partitions, what_.hint->failed_at - clocks_differ);
            if (!at) return tl::unexpected(at.error());
            LetterReader::Offsets from;
            for (const auto& [partition, offset] : *at) from[partition.partition] = offset;
            if (Result<void> read = look(from, ends); !read) return tl::unexpected(read.error());
            if (!found_) ends = from;
        }
        if (!found_) {
            if (Result<void> read = look(begins, ends); !read) return tl::unexpected(read.error());
        }
        if (found_) return std::move(*found_);
        return failure(Error::Code::not_found,
                       "the job has no dead letter any more (spec.deadLetter.retention), so it cannot be retried");
    }

private:
    bool is_enough() const { return found_ && what_.hint && found_->letter.run >= what_.hint->run; }

    Result<void> look(const LetterReader::Offsets& from, const LetterReader::Offsets& ends) {
        auto reader = LetterReader::open(context_.kafka, jobqueue::group_of(what_.queue->queue),
                                         what_.queue->topics.dead_letters, from, ends);
        if (!reader) return tl::unexpected(reader.error());
        auto last_sign = Clock::now();
        while (!(*reader)->at_end() && !is_enough()) {
            if (context_.stopping) return failure(Error::Code::unavailable, "the gateway stops", true);
            const Result<void> taken =
                (*reader)->take(letters_at_once, 200ms, [&](const letters::LetterRecord& record) {
                    last_sign = Clock::now();
                    if (!is_enough()) consider(record);
                });
            if (!taken) return taken;
            if (Clock::now() - last_sign > without_a_sign) {
                return failure(Error::Code::timeout, "Kafka sends no dead letters", true);
            }
        }
        return {};
    }

    void consider(const letters::LetterRecord& record) {
        letters::DeadLetter letter = letters::read_dead_letter(record);
        if (letter.job_id != what_.job_id) return;
        if (found_ && found_->letter.run >= letter.run) return;  // of equal ones the first, as any other redrive does
        const auto copy = [](const auto& bytes) { return bytes ? std::optional<std::string>(*bytes) : std::nullopt; };
        KeptLetter kept{.letter = std::move(letter),
                        .topic = std::string(record.topic),
                        .timestamp = record.timestamp,
                        .key = copy(record.key),
                        .value = copy(record.value),
                        .fields = {}};
        for (const FieldView& field : record.fields)
            kept.fields.push_back({std::string(field.name), std::string(field.value)});
        found_ = std::move(kept);
    }

    BulkContext& context_;
    const RetryOne& what_;
    std::optional<KeptLetter> found_;
};

Result<letters::RedrivenJob> decide(const RetryOne& what, const KeptLetter& kept, const letters::LetterRecord& record,
                                    Time time) {
    const KnownQueue& queue = *what.queue;
    letters::RedriveRequest request{.max_payload = queue.queue.delivery.max_payload,
                                    .lanes = {{"normal", queue.topics.main}}};
    for (const auto& lane : queue.topics.lanes) {
        if (lane.topic != queue.topics.main) request.lanes.push_back(lane);
    }
    if (!what.edit.empty()) {
        auto edit = letters::PayloadEdit::parse(what.edit);
        if (!edit) return tl::unexpected(edit.error());
        request.edit = std::move(*edit);
    }
    letters::RedriveDecision decision = letters::decide_redrive(record, kept.letter, request, nullptr, time);
    if (auto* job = std::get_if<letters::RedrivenJob>(&decision)) return std::move(*job);
    const auto* refused = std::get_if<letters::Refused>(&decision);
    return failure(what.edit.empty() ? Error::Code::conflict : Error::Code::invalid,
                   "the job cannot be retried: " + (refused != nullptr ? refused->reason : std::string("no letter")));
}

}  // namespace

Result<RetriedJob> retry_one(BulkContext& context, const RetryOne& what) {
    Result<KeptLetter> kept = Search(context, what).find();
    if (!kept) return tl::unexpected(kept.error());
    std::vector<FieldView> views;
    for (const Field& field : kept->fields) views.push_back({field.name, field.value});
    const letters::LetterPlace place{kept->letter.partition, kept->letter.offset};
    const letters::LetterRecord record{.topic = kept->topic,
                                       .partition = place.first,
                                       .offset = place.second,
                                       .timestamp = kept->timestamp,
                                       .key = kept->key,
                                       .value = kept->value,
                                       .fields = views};
    const Time time = now();
    Result<letters::RedrivenJob> job = decide(what, *kept, record, time);
    if (!job) return tl::unexpected(job.error());
    std::vector<redrive::Record> records =
        redrive::redriven_records(record, *job, redriver_queue(*what.queue), {place}, what.by, time);
    if (what.queue->queue.events) {
        const Job failed = job_of_letter(kept->letter, what.queue->topics.main, what.queue->name);
        records.push_back({std::string(jobqueue::events_topic), job->id, retry_event(failed, job->run, time), {}});
    }
    bool has_tried = false;
    Error last;
    for (int i = 0; i < most_tries && !context.stopping; ++i) {
        auto held = context.redrivers.hold_open(*what.queue, patience);
        if (!held) return tl::unexpected(held.error());
        const auto redriven = (*held)->redriven(patience);
        if (!redriven) return tl::unexpected(redriven.error());
        if ((*redriven)->contains(place)) {
            if (has_tried) return RetriedJob{job->run};  // ours, of which we had not heard; or just as good
            return failure(Error::Code::conflict, "the job was retried before, as run " + std::to_string(job->run));
        }
        const auto written = (*held)->write(records, {place});
        if (written) return RetriedJob{job->run};
        last = written.error().error;
        if (written.error().fault == WriteFault::refused) return tl::unexpected(last);
        has_tried = true;
    }
    last.code = Error::Code::unavailable;
    return tl::unexpected(last);
}

}  // namespace drover::gateway
