// The thread that watches and electors belong to, and signals to wait for what they tell.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace drover::kube::test {

class OwnerThread {
public:
    ~OwnerThread() { guard_.reset(); }

    boost::asio::io_context::executor_type executor() { return io_.get_executor(); }
    bool is_here() const { return std::this_thread::get_id() == thread_.get_id(); }

    void run(const std::function<void()>& task) {
        std::promise<void> done;
        boost::asio::post(io_, [&] {
            task();
            done.set_value();
        });
        done.get_future().wait();
    }

private:
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{io_.get_executor()};
    std::jthread thread_{[this] { io_.run(); }};
};

// Values that one thread sets and another waits for.
template <class T>
class Signalled {
public:
    template <class Change>
    void change(Change change) {
        const std::scoped_lock lock(mutex_);
        change(value_);
        changed_.notify_all();
    }
    // False after two minutes.
    template <class Holds>
    bool await(Holds holds) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::minutes(2), [&] { return holds(value_); });
    }
    T get() {
        const std::scoped_lock lock(mutex_);
        return value_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    T value_{};
};

}  // namespace drover::kube::test
