#include "gateway/submit/spool.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include <boost/asio/post.hpp>

#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

struct Append {
    std::string bytes;
    Time at{};
    Spool::Then<SpoolNumber> then;
};
struct Other {
    std::function<std::function<void()>(SpoolLog&)> work;  // gives what is to be called on the owner's thread
};

std::uint64_t report(std::vector<SpoolLog::Damage> damages) {
    for (const SpoolLog::Damage& each : damages) {
        log::error("the spool is damaged: what stood there is lost, if it was not relayed before",
                   {{"bytes", each.bytes}, {"kept_in", each.file}});
    }
    return damages.size();
}

}  // namespace

class Spool::Worker {
public:
    Worker(std::unique_ptr<SpoolLog> log, boost::asio::any_io_executor owner, std::weak_ptr<Spool*> spool)
        : log_(std::move(log)), owner_(std::move(owner)), spool_(std::move(spool)), thread_([this] { run(); }) {}
    ~Worker() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void add(Append append) {
        {
            const std::lock_guard lock(mutex_);
            appends_.push_back(std::move(append));
        }
        changed_.notify_one();
    }
    void add(Other other) {
        {
            const std::lock_guard lock(mutex_);
            others_.push_back(std::move(other));
        }
        changed_.notify_one();
    }

private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return ends_ || !appends_.empty() || !others_.empty(); });
            std::vector<Append> appends = std::exchange(appends_, {});
            std::vector<Other> others = std::exchange(others_, {});
            if (appends.empty() && others.empty()) return;
            lock.unlock();
            std::vector<std::function<void()>> answers;
            write(std::move(appends), answers);
            for (Other& each : others) answers.push_back(each.work(*log_));
            answer(std::move(answers));
            lock.lock();
        }
    }

    void write(std::vector<Append> appends, std::vector<std::function<void()>>& answers) {
        std::vector<Result<SpoolNumber>> numbers;
        numbers.reserve(appends.size());
        for (const Append& each : appends) numbers.push_back(log_->append(each.bytes, each.at));
        if (const Result<void> synced = log_->sync(); !synced) {
            for (auto& number : numbers) {
                if (number) number = tl::unexpected(synced.error());
            }
        }
        for (std::size_t i = 0; i < appends.size(); ++i) {
            answers.push_back([then = std::move(appends[i].then), number = std::move(numbers[i])]() mutable {
                then(std::move(number));
            });
        }
    }

    void answer(std::vector<std::function<void()>> answers) {
        boost::asio::post(owner_, [spool = spool_, answers = std::move(answers), bytes = log_->bytes(),
                                   damaged = report(log_->damages())] {
            if (const auto alive = spool.lock()) {
                (*alive)->bytes_ = bytes;
                (*alive)->damaged_ += damaged;
            }
            for (const auto& each : answers) {
                if (spool.expired()) return;
                each();
            }
        });
    }

    std::unique_ptr<SpoolLog> log_;
    boost::asio::any_io_executor owner_;
    std::weak_ptr<Spool*> spool_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Append> appends_;
    std::vector<Other> others_;
    bool ends_ = false;
    std::jthread thread_;
};

Spool::Spool(std::unique_ptr<SpoolLog> log, boost::asio::any_io_executor owner)
    : found_(log->found()),
      tried_before_(log->tried_before()),
      relayed_(log->relayed()),
      next_number_(log->next_number()),
      bytes_(log->bytes()),
      damaged_(report(log->damages())),
      alive_(std::make_shared<Spool*>(this)) {
    if (log->cut() > 0) {
        log::warn("the spool ended within an entry, which nobody was told of; it is cut off", {{"bytes", log->cut()}});
    }
    worker_ = std::make_unique<Worker>(std::move(log), std::move(owner), alive_);
}

Spool::~Spool() {
    alive_.reset();
    worker_.reset();
}

void Spool::append(std::string bytes, Time at, Then<SpoolNumber> then) {
    worker_->add(Append{std::move(bytes), at, std::move(then)});
}

void Spool::read(std::size_t bytes, Then<std::vector<SpoolEntry>> then) {
    worker_->add(Other{[bytes, then = std::move(then)](SpoolLog& log) -> std::function<void()> {
        auto entries = std::make_shared<Result<std::vector<SpoolEntry>>>(log.read(bytes));
        return [then, entries] { then(std::move(*entries)); };
    }});
}

void Spool::mark(SpoolNumber relayed, SpoolNumber tried, Then<void> then) {
    worker_->add(Other{[relayed, tried, then = std::move(then)](SpoolLog& log) -> std::function<void()> {
        return [then, done = log.mark(relayed, tried)] { then(done); };
    }});
}

void Spool::refuse(SpoolEntry entry, Then<void> then) {
    worker_->add(Other{[entry = std::move(entry), then = std::move(then)](SpoolLog& log) -> std::function<void()> {
        return [then, done = log.refuse(entry)] { then(done); };
    }});
}

}  // namespace drover::gateway
