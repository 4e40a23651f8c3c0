#include "gateway/view/view_readers.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace drover::gateway {

class ViewReaders::Pool {
public:
    Pool(std::vector<std::unique_ptr<JobView>> views, std::size_t most_waiting, boost::asio::any_io_executor owner)
        : owner_(std::move(owner)), most_waiting_(most_waiting), views_(std::move(views)) {
        for (const auto& view : views_) {
            threads_.emplace_back([this, &view](const std::stop_token& stop) { run(stop, *view); });
        }
    }

    bool enqueue(std::function<void(JobView&)> task) {
        {
            const std::lock_guard lock(mutex_);
            if (tasks_.size() >= most_waiting_) return false;
            tasks_.push_back(std::move(task));
        }
        arrived_.notify_one();
        return true;
    }

    void post(std::function<void()> answer) {
        boost::asio::post(owner_, [answer = std::move(answer), alive = std::weak_ptr<const bool>(alive_)] {
            if (!alive.expired()) answer();
        });
    }

private:
    void run(const std::stop_token& stop, JobView& view) {
        std::unique_lock lock(mutex_);
        while (arrived_.wait(lock, stop, [this] { return !tasks_.empty(); }) && !stop.stop_requested()) {
            const std::function<void(JobView&)> task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            task(view);
            lock.lock();
        }
    }

    const boost::asio::any_io_executor owner_;
    const std::size_t most_waiting_;
    const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
    std::mutex mutex_;
    std::condition_variable_any arrived_;
    std::deque<std::function<void(JobView&)>> tasks_;  // guarded by the mutex
    const std::vector<std::unique_ptr<JobView>> views_;
    std::vector<std::jthread> threads_;  // last: they use all of the above
};

Result<std::unique_ptr<ViewReaders>> ViewReaders::create(const JobViewSettings& settings, const ReaderOptions& options,
                                                         boost::asio::any_io_executor owner) {
    std::vector<std::unique_ptr<JobView>> views;
    for (int i = 0; i < options.threads; ++i) {
        Result<std::unique_ptr<JobView>> view = open_job_view(settings);
        if (!view) return tl::unexpected(view.error());
        views.push_back(std::move(*view));
    }
    return std::unique_ptr<ViewReaders>(
        new ViewReaders(std::make_unique<Pool>(std::move(views), options.most_waiting, std::move(owner))));
}

ViewReaders::ViewReaders(std::unique_ptr<Pool> pool) : pool_(std::move(pool)) {}
ViewReaders::~ViewReaders() = default;

bool ViewReaders::enqueue(std::function<void(JobView&)> task) { return pool_->enqueue(std::move(task)); }
void ViewReaders::post(std::function<void()> answer) { pool_->post(std::move(answer)); }

}  // namespace drover::gateway
