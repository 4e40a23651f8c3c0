#include "gateway/payload_search.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "gateway/core/job_filter.h"
#include "src/jobqueue/job.h"

namespace drover::gateway {
namespace {

using Place = std::pair<std::string, int>;  // topic, partition

// The jobs of one partition, by where they stand. Of two at one place one was told wrongly.
struct Standing {
    std::multimap<std::int64_t, Job> jobs;
    std::vector<JobKey> fitting;  // filled by the reader's thread
};

struct Search {
    std::vector<Job> jobs;
    std::set<JobKey> fitting;
    std::size_t open = 0;  // partitions that are not looked through yet
    FoundJobs done;        // nothing: it has failed, and that was told
};

void look_at(Standing& standing, std::string_view text, std::int64_t offset, const StoredRecord& record) {
    if (!has_text(record.value.value_or(""), text)) return;
    const auto [first, last] = standing.jobs.equal_range(offset);
    const auto found = std::find_if(first, last, [&](const auto& each) { return is_record_of(each.second, record); });
    if (found != last) standing.fitting.push_back(found->second.key);
}

void on_looked_through(Search& search, const Standing& standing, const Result<void>& read) {
    if (!search.done) return;
    if (!read) return std::exchange(search.done, {})(tl::unexpected(read.error()));
    search.fitting.insert(standing.fitting.begin(), standing.fitting.end());
    if (--search.open > 0) return;
    std::erase_if(search.jobs, [&](const Job& job) { return !search.fitting.contains(job.key); });
    search.done(std::move(search.jobs));
}

}  // namespace

bool is_record_of(const Job& job, const StoredRecord& record) {
    std::vector<FieldView> fields;
    for (const Field& each : record.headers) fields.push_back({each.name, each.value});
    const jobqueue::Origin place{.topic = job.topic, .partition = job.partition, .offset = job.offset};
    return jobqueue::job_id(jobqueue::readable_job_headers(fields), fields, place) == job.key.id;
}

void search_payloads(RecordReader& records, std::vector<Job> jobs, const std::string& text, FoundJobs done) {
    std::map<Place, std::shared_ptr<Standing>> places;
    for (const Job& job : jobs) {
        if (job.topic.empty()) continue;
        auto& standing = places[{job.topic, job.partition}];
        if (!standing) standing = std::make_shared<Standing>();
        standing->jobs.emplace(job.offset, job);
    }
    if (places.empty()) return done(std::vector<Job>());
    const auto search = std::make_shared<Search>();
    search->jobs = std::move(jobs);
    search->open = places.size();
    search->done = std::move(done);
    for (const auto& [place, standing] : places) {
        std::vector<std::int64_t> offsets;
        for (const auto& [offset, job] : standing->jobs) {
            if (offsets.empty() || offsets.back() != offset) offsets.push_back(offset);
        }
        records.read_all(
            {place.first, place.second}, std::move(offsets),
            [standing = standing, text](std::int64_t offset, const StoredRecord& record) {
                look_at(*standing, text, offset, record);
            },
            [search, standing = standing](const Result<void>& read) { on_looked_through(*search, *standing, read); });
    }
}

}  // namespace drover::gateway
