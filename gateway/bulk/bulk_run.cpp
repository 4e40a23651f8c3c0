#include "gateway/bulk/bulk_run.h"

#include <algorithm>

#include "src/jobqueue/resource.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using redrive::WriteError;
using redrive::WriteFault;

constexpr auto patience = 10s;  // of one try; then again

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

BulkRun::BulkRun(BulkContext& context, std::shared_ptr<const KnownQueue> queue, BulkOperation operation,
                 std::string token, std::function<void(End)> ended)
    : context_(context),
      queue_(std::move(queue)),
      token_(std::move(token)),
      ended_(std::move(ended)),
      operation_(std::move(operation)),
      thread_([this] { run(); }) {}

BulkRun::~BulkRun() = default;

void BulkRun::begin(BulkOperation operation) {
    const std::scoped_lock lock(mutex_);
    begun_ = std::move(operation);
    changed_.notify_all();
}

void BulkRun::abort() {
    const std::scoped_lock lock(mutex_);
    abort_ = true;
    changed_.notify_all();
}

void BulkRun::stop() {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
}

std::string BulkRun::trouble() const {
    const std::scoped_lock lock(mutex_);
    return trouble_;
}

void BulkRun::tell_trouble(std::string trouble) {
    const std::scoped_lock lock(mutex_);
    trouble_ = std::move(trouble);
}

bool BulkRun::is_stopped() const { return stop_ || context_.stopping; }

bool BulkRun::is_to_end() const {
    const std::scoped_lock lock(mutex_);
    return abort_ || is_stopped();
}

void BulkRun::wait(Duration longest) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return abort_ || is_stopped(); });
}

void BulkRun::run() {
    const Result<End> end = work();
    if (!end) {
        tell_trouble(end.error().message);
        log::warn("a bulk operation is interrupted and goes on soon",
                  {{"operation", operation_.name()}, {"error", end.error().message}});
    }
    ended_(end ? *end : End::again);
}

Result<BulkRun::End> BulkRun::work() {
    if (Result<void> said = say_first_word(); !said) return tl::unexpected(said.error());
    if (!await_begin()) return End::again;
    if (operation_.state != BulkState::running) return End::finished;
    const bool is_retry = operation_.order.action == BulkAction::retry;
    const Result<bool> done = is_retry ? work_off_letters(*this) : work_off_jobs(*this);
    BulkState state = BulkState::completed;
    std::string trouble = operation_.trouble;
    if (!done) {
        if (done.error().retryable) return tl::unexpected(done.error());
        state = BulkState::failed;
        trouble = done.error().message;
    } else if (!*done) {
        const std::scoped_lock lock(mutex_);
        if (!abort_) return End::again;  // it is stopped
        state = BulkState::aborted;
    }
    return write_end(state, trouble) ? End::finished : End::again;
}

Result<void> BulkRun::say_first_word() {
    auto held = context_.redrivers.hold_open(*queue_, patience);
    if (!held) return tl::unexpected(held.error());
    const auto written = (*held)->write({record_of(bulk_run_message(operation_, token_))}, {});
    if (!written) return tl::unexpected(written.error().error);
    generation_ = (*held)->generation();
    return {};
}

bool BulkRun::await_begin() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return begun_ || is_stopped(); });
    if (!begun_) return false;
    operation_ = std::move(*begun_);
    return true;
}

redrive::Record BulkRun::record_of(BulkMessage message) const {
    return {std::string(jobqueue::gateway_topic), std::move(message.key), std::move(message.value), {}, 0};
}

tl::expected<void, WriteError> BulkRun::write(
    const std::function<std::pair<Batch, BulkOperation>(const std::set<letters::LetterPlace>&)>& make) {
    auto held = context_.redrivers.hold(*queue_, patience);
    if (!held) return tl::unexpected(WriteError{WriteFault::lost, held.error(), {}});
    // Who opens it anew has to begin anew.
    if (!(*held)->is_open() || (*held)->generation() != generation_) {
        return tl::unexpected(WriteError{
            WriteFault::lost, {Error::Code::conflict, "somebody else redrives letters of the queue", true}, {}});
    }
    static const std::set<letters::LetterPlace> none;
    const std::set<letters::LetterPlace>* redriven = &none;
    if (operation_.order.action == BulkAction::retry) {
        const auto read = (*held)->redriven(patience);
        if (!read) return tl::unexpected(WriteError{WriteFault::lost, read.error(), {}});
        redriven = *read;
    }
    auto [batch, then] = make(*redriven);
    then.updated_at = now();
    batch.records.push_back(record_of(bulk_progress_message(then)));
    auto written = (*held)->write(batch.records, batch.redriven);
    if (written) {
        operation_ = std::move(then);
        tell_trouble("");
    }
    return written;
}

tl::expected<void, WriteError> BulkRun::write(Batch batch, BulkOperation then) {
    return write([&](const auto&) { return std::pair(batch, then); });
}

Result<std::vector<letters::LetterPlace>> BulkRun::redriven() {
    auto held = context_.redrivers.hold(*queue_, patience);
    if (!held) return tl::unexpected(held.error());
    if (!(*held)->is_open()) return failure(Error::Code::conflict, "somebody else redrives letters of the queue", true);
    const auto read = (*held)->redriven(std::chrono::minutes(1));
    if (!read) return tl::unexpected(read.error());
    return std::vector<letters::LetterPlace>((*read)->begin(), (*read)->end());
}

// False: it has to be written again.
bool BulkRun::write_end(BulkState state, const std::string& trouble) {
    BulkOperation then = operation_;
    then.state = state;
    then.trouble = trouble;
    then.ended_at = now();
    then.counts.matched = std::max(then.counts.matched, then.counts.done + then.counts.skipped + then.counts.failed);
    if (state == BulkState::completed) {
        then.counts.skipped = then.counts.matched - then.counts.done - then.counts.failed;
    }
    Batch batch;
    for (const std::string_view prefix : {bulk_run_prefix, bulk_abort_prefix}) {
        batch.records.push_back(record_of(bulk_tombstone(prefix, then)));
    }
    const auto written = write(std::move(batch), then);
    if (written) {
        log::info("a bulk operation has ended", {{"operation", then.name()},
                                                 {"state", bulk_state_name(state)},
                                                 {"done", then.counts.done},
                                                 {"skipped", then.counts.skipped},
                                                 {"failed", then.counts.failed},
                                                 {"trouble", trouble}});
    }
    return written.has_value();
}

}  // namespace drover::gateway
