// One bulk operation, worked off by a thread of its own. Room: gateway/bulk.
//
// Whoever runs an operation first writes bulk-run/<queue>/<id> with a token through the queue's redriver, which fences
// off any other runner. When that record is read in drover.gateway, what stood there before is all that was ever done
// of the operation: with that it begins (begin()). From then on every batch is one transaction of what is done and of
// the operation's own record that says so. A batch of unknown outcome ends the run with `again`: the next one reads
// what became of it. So nothing is done or counted twice.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gateway/bulk/shared_redrivers.h"
#include "gateway/core/bulk_operation.h"
#include "gateway/core/queue_directory.h"
#include "src/letters/redrive.h"
#include "src/redrive/redriver.h"

namespace drover::gateway {

class BulkRun {
public:
    enum class End { finished, again };

    // `ended` is called once, by the run's thread, as its last deed.
    BulkRun(BulkContext& context, std::shared_ptr<const KnownQueue> queue, BulkOperation operation, std::string token,
            std::function<void(End)> ended);
    ~BulkRun();  // waits for the thread: stop() before, or BulkContext::stopping

    // The gateway's loop:
    const std::string& token() const { return token_; }
    void begin(BulkOperation operation);  // as it is before the token's record
    void abort();
    void stop();
    std::string trouble() const;  // what keeps it from going on; "": nothing

    // The work's, on the thread:
    const KnownQueue& queue() const { return *queue_; }
    BulkContext& context() const { return context_; }
    const BulkOperation& operation() const { return operation_; }
    bool is_to_end() const;
    void wait(Duration longest);  // or until it is to end
    void tell_trouble(std::string trouble);

    struct Batch {
        std::vector<redrive::Record> records;
        std::vector<letters::LetterPlace> redriven;  // marks of these are among the records
    };
    // In one transaction: `batch`, and the operation as it is then.
    tl::expected<void, redrive::WriteError> write(Batch batch, BulkOperation then);
    // The same, where `batch` is made with what is redriven by then.
    tl::expected<void, redrive::WriteError> write(
        const std::function<std::pair<Batch, BulkOperation>(const std::set<letters::LetterPlace>& redriven)>& make);
    Result<std::vector<letters::LetterPlace>> redriven();  // sorted

private:
    void run();
    Result<End> work();
    Result<void> say_first_word();
    bool await_begin();
    bool write_end(BulkState state, const std::string& trouble);
    redrive::Record record_of(BulkMessage message) const;
    bool is_stopped() const;

    BulkContext& context_;
    const std::shared_ptr<const KnownQueue> queue_;
    const std::string token_;
    const std::function<void(End)> ended_;
    BulkOperation operation_;  // the thread's
    std::uint64_t generation_ = 0;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<BulkOperation> begun_;  // these under the mutex
    bool abort_ = false, stop_ = false;
    std::string trouble_;

    std::jthread thread_;  // the last
};

// How far the work came: to its end; false: it is to end before. An Error that is retryable: again, from what was
// written; any other: the operation has failed.
Result<bool> work_off_letters(BulkRun& run);
Result<bool> work_off_jobs(BulkRun& run);

}  // namespace drover::gateway
