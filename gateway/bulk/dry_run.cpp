#include "gateway/bulk/dry_run.h"

#include <algorithm>

#include "src/kafka/admin.h"
#include "src/kafka/log_reader.h"
#include "src/letters/redrive.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_shown = 20;
constexpr auto patience = 15s;  // somebody is waiting
constexpr int page_size = 1000;

Result<DryRun> look_at_letters(BulkContext& context, const KnownQueue& queue, const BulkOrder& order) {
    const redrive::Redriver::Queue topics = redriver_queue(queue);
    const auto redriven = redrive::read_redriven(context.kafka, topics, patience, context.stopped());
    if (!redriven) return tl::unexpected(redriven.error());
    const auto admin = kafka::Admin::connect(context.kafka, patience);
    if (!admin) return tl::unexpected(admin.error());
    std::vector<letters::RedriveCandidate> candidates;
    std::set<letters::JobRun> redriven_job_runs;
    DryRun found;
    std::vector<FieldView> fields;
    const auto read = kafka::read_log(
        context.kafka, **admin, {topics.dead_letters},
        {.patience = patience, .group = topics.group, .from = {}, .stopped = context.stopped()},
        [&](const kafka::Record& record) {
            record.headers(fields);
            const letters::DeadLetter letter = letters::read_dead_letter({.topic = record.topic(),
                                                                          .partition = record.partition(),
                                                                          .offset = record.offset(),
                                                                          .timestamp = record.timestamp(),
                                                                          .key = record.key(),
                                                                          .value = {},
                                                                          .fields = fields});
            const letters::LetterPlace place{letter.partition, letter.offset};
            if (redriven->contains(place)) {
                redriven_job_runs.insert(letters::job_run_of(letter));
                return;
            }
            Job job = job_of_letter(letter, queue.topics.main, queue.name);
            if (!bulk_matches(order.filter, job)) return;
            candidates.push_back({place, letters::job_run_of(letter), letter.failed_at});
            if (found.sample.size() < most_shown) found.sample.push_back(std::move(job));
        });
    if (!read) return tl::unexpected(read.error());
    found.matched = letters::choose(std::move(candidates), redriven_job_runs, std::nullopt).jobs();
    return found;
}

Result<DryRun> look_at_jobs(BulkContext& context, const KnownQueue& queue, const BulkOrder& order) {
    auto view = open_job_view(context.view);
    if (!view) return tl::unexpected(view.error());
    DryRun found;
    const auto add = [&](const Job& job) {
        if (!bulk_matches(order.filter, job)) return;
        ++found.matched;
        if (found.sample.size() < most_shown) found.sample.push_back(job);
    };
    for (const std::string& id : order.filter.ids) {
        const auto job = (*view)->job({queue.name, id});
        if (!job) return tl::unexpected(job.error());
        if (*job) add((*job)->job);
    }
    if (!order.filter.ids.empty()) return found;
    std::string cursor;
    do {
        const Result<JobPage> page = (*view)->list(order.filter.jobs, cursor, page_size);
        if (!page) return tl::unexpected(page.error());
        std::ranges::for_each(page->jobs, add);
        cursor = page->cursor;
    } while (!cursor.empty() && !context.stopping);
    return found;
}

}  // namespace

Result<DryRun> dry_run(BulkContext& context, const KnownQueue& queue, const BulkOrder& order) {
    return order.action == BulkAction::retry ? look_at_letters(context, queue, order)
                                             : look_at_jobs(context, queue, order);
}

}  // namespace drover::gateway
