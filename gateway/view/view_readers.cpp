#include "gateway/view/view_readers.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace drover::gateway {
namespace {

constexpr std::size_t most_at_once = 16;      // questions of a thread, whose answers come together …
constexpr std::chrono::milliseconds slow(5);  // … but where one took so long

}  // namespace

class ViewReaders::Pool {
public:
    Pool(std::vector<std::unique_ptr<JobView>> views, std::size_t most_waiting, boost::asio::any_io_executor owner)
        : owner_(std::move(owner)), most_waiting_(most_waiting), views_(std::move(views)) {
        for (const auto& view : views_) {
            threads_.emplace_back([this, &view](const std::stop_token& stop) { run(stop, *view); });
        }
    }

    bool enqueue(Task task, Cost cost) {
        {
            const std::lock_guard lock(mutex_);
            if (tasks_.size() >= most_waiting_) return false;
            tasks_.push_back({std::move(task), cost});
        }
        arrived_.notify_one();
        return true;
    }

    void post(std::vector<std::function<void()>> answers) {
        boost::asio::post(owner_, [answers = std::move(answers), alive = std::weak_ptr<const bool>(alive_)] {
            for (const auto& answer : answers) {
                if (!alive.expired()) answer();
            }
        });
    }

private:
    void run(const std::stop_token& stop, JobView& view) {
        std::vector<Task> tasks;
        std::unique_lock lock(mutex_);
        while (arrived_.wait(lock, stop, [this] { return !tasks_.empty(); }) && !stop.stop_requested()) {
            take(tasks);
            lock.unlock();
            std::vector<std::function<void()>> answers;
            for (const Task& task : tasks) {
                if (stop.stop_requested()) return;
                const auto begin = std::chrono::steady_clock::now();
                answers.push_back(task(view));
                if (std::chrono::steady_clock::now() - begin > slow) post(std::exchange(answers, {}));
            }
            if (!answers.empty()) post(std::move(answers));
            tasks.clear();
            lock.lock();
        }
    }

    // The first one; of those with few rows this thread's share. The others do not wait for a long one.
    void take(std::vector<Task>& taken) {
        const std::size_t share = std::min(tasks_.size() / views_.size() + 1, most_at_once);
        Cost cost = Cost::few_rows;
        do {
            cost = tasks_.front().cost;
            taken.push_back(std::move(tasks_.front().task));
            tasks_.pop_front();
        } while (cost == Cost::few_rows && taken.size() < share && !tasks_.empty() &&
                 tasks_.front().cost == Cost::few_rows);
    }

    const boost::asio::any_io_executor owner_;
    const std::size_t most_waiting_;
    const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
    std::mutex mutex_;
    std::condition_variable_any arrived_;
    struct Waiting {
        Task task;
        Cost cost;
    };
    std::deque<Waiting> tasks_;  // guarded by the mutex
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

bool ViewReaders::enqueue(Task task, Cost cost) { return pool_->enqueue(std::move(task), cost); }
void ViewReaders::post(std::function<void()> answer) { pool_->post({std::move(answer)}); }

}  // namespace drover::gateway
