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

void look_at(Standing& standing, std::string_view text, std::int64_t offset, const StoredRecord& record) {
    if (!has_text(record.value.value_or(""), text)) return;
    const auto [first, last] = standing.jobs.equal_range(offset);
    const auto found = std::find_if(first, last, [&](const auto& each) { return is_record_of(each.second, record); });
    if (found != last) standing.fitting.push_back(found->second.key);
}

// One partition after the other: others read payloads meanwhile.
class Search : public std::enable_shared_from_this<Search> {
public:
    Search(RecordReader& records, std::string text, std::vector<Job> jobs, FoundJobs done)
        : records_(records), text_(std::move(text)), jobs_(std::move(jobs)), done_(std::move(done)) {
        for (const Job& job : jobs_) {
            if (job.topic.empty()) continue;
            auto& standing = places_[{job.topic, job.partition}];
            if (!standing) standing = std::make_shared<Standing>();
            standing->jobs.emplace(job.offset, job);
        }
    }

    void go_on() {
        if (places_.empty()) {
            std::erase_if(jobs_, [this](const Job& job) { return !fitting_.contains(job.key); });
            return done_(std::move(jobs_));
        }
        const auto place = places_.extract(places_.begin());
        const std::shared_ptr<Standing> standing = place.mapped();
        std::vector<std::int64_t> offsets;
        for (const auto& [offset, job] : standing->jobs) {
            if (offsets.empty() || offsets.back() != offset) offsets.push_back(offset);
        }
        records_.read_all(
            {place.key().first, place.key().second}, std::move(offsets),
            [standing, text = text_](std::int64_t offset, const StoredRecord& record) {
                look_at(*standing, text, offset, record);
            },
            [self = shared_from_this(), standing](const Result<void>& read) {
                if (!read) return self->done_(tl::unexpected(read.error()));
                self->fitting_.insert(standing->fitting.begin(), standing->fitting.end());
                self->go_on();
            });
    }

private:
    RecordReader& records_;
    const std::string text_;
    std::vector<Job> jobs_;
    std::map<Place, std::shared_ptr<Standing>> places_;  // that are not looked through yet
    std::set<JobKey> fitting_;
    const FoundJobs done_;
};

}  // namespace

bool is_record_of(const Job& job, const StoredRecord& record) {
    std::vector<FieldView> fields;
    for (const Field& each : record.headers) fields.push_back({each.name, each.value});
    const jobqueue::Origin place{.topic = job.topic, .partition = job.partition, .offset = job.offset};
    return jobqueue::job_id(jobqueue::readable_job_headers(fields), fields, place) == job.key.id;
}

void search_payloads(RecordReader& records, std::vector<Job> jobs, const std::string& text, FoundJobs done) {
    std::make_shared<Search>(records, text, std::move(jobs), std::move(done))->go_on();
}

}  // namespace drover::gateway
