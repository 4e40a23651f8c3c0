#include "gateway/bulk/bulk_runner.h"

namespace drover::gateway {
namespace {
constexpr int threads = 4;
}  // namespace

BulkRunner::BulkRunner(kafka::Settings kafka, JobViewSettings view, boost::asio::any_io_executor owner)
    : owner_(std::move(owner)), context_(std::move(kafka), std::move(view)) {
    for (int i = 0; i < threads; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
    }
}

BulkRunner::~BulkRunner() {
    *is_alive_ = false;
    context_.stopping = true;
    for (const auto& [name, run] : runs_) run->stop();
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
    runs_.clear();
}

BulkRun* BulkRunner::run(const std::string& name) const {
    const auto found = runs_.find(name);
    return found == runs_.end() ? nullptr : found->second.get();
}

void BulkRunner::start(std::shared_ptr<const KnownQueue> queue, const BulkOperation& operation, std::string token,
                       std::function<void(BulkRun::End, std::string)> ended) {
    const std::string name = operation.name();
    std::function<void(BulkRun::End)> told = [this, name, ended = std::move(ended)](BulkRun::End end) {
        post([this, name, end, ended] {
            const auto run = runs_.extract(name);
            const std::string trouble = run.mapped()->trouble();
            ended(end, trouble);
        });
    };
    runs_.emplace(name,
                  std::make_unique<BulkRun>(context_, std::move(queue), operation, std::move(token), std::move(told)));
}

void BulkRunner::enqueue(std::function<void()> task) {
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_one();
}

void BulkRunner::post(std::function<void()> then) {
    boost::asio::post(owner_, [alive = is_alive_, then = std::move(then)] {
        if (*alive) then();
    });
}

void BulkRunner::serve(const std::stop_token& stop) {
    for (;;) {
        std::function<void()> task;
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait(lock, stop, [this] { return !tasks_.empty(); })) return;
            if (stop.stop_requested()) return;
            task = std::move(tasks_.front());
            tasks_.pop_front();
        }
        task();
    }
}

}  // namespace drover::gateway
