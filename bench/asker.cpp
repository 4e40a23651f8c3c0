#include "bench/asker.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "bench/payload.h"
#include "src/http/answer_parser.h"

namespace drover::bench {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

// What is asked, one request after the other, and what comes back.
class Plan {
public:
    virtual ~Plan() = default;
    virtual void next(std::string& request) = 0;
    virtual bool is_well(int status, const std::string& body) = 0;
};

class Asker {
public:
    Asker(const Asking& asking, long requests, int rate, Plan& plan)
        : timer_(io_), plan_(plan), count_(requests), rate_(rate) {
        const asio::ip::tcp::endpoint gateway(asio::ip::make_address("127.0.0.1"),
                                              static_cast<std::uint16_t>(asking.port));
        for (int i = 0; i < asking.connections; ++i) {
            connections_.push_back(std::make_unique<Connection>(io_));
            connections_.back()->socket.connect(gateway);
            connections_.back()->socket.set_option(asio::ip::tcp::no_delay(true));
            free_.push_back(connections_.back().get());
        }
    }

    // Exits where an answer cannot be read: a figure would mean nothing.
    void run() {
        begun_ = Clock::now();
        if (rate_ > 0)
            tick();
        else
            while (!free_.empty() && sent_ < count_) ask(Clock::now());
        io_.run();
        seconds_ = seconds_since(begun_);
    }

    void print(long jobs) {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        const auto micros = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
        };
        std::ranges::sort(latencies_);
        const auto at = [&](double q) {
            return latencies_[static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1))];
        };
        std::printf("{\"jobs_s\":%.0f,\"client_us_job\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"failed\":%ld}\n",
                    static_cast<double>(jobs) / seconds_,
                    (micros(usage.ru_utime) + micros(usage.ru_stime)) / static_cast<double>(jobs), at(0.5), at(0.99),
                    failed_);
    }

private:
    struct Connection {
        explicit Connection(asio::io_context& io) : socket(io) {}
        asio::ip::tcp::socket socket;
        std::string request;
        http::AnswerParser answer{{}};
        Clock::time_point due;
    };

    // A request is late where no connection is free when it is due.
    void tick() {
        const auto due_at = [this](long number) {
            return begun_ + std::chrono::nanoseconds(1'000'000'000L / rate_ * number);
        };
        while (sent_ < count_ && !free_.empty() && due_at(sent_) <= Clock::now()) ask(due_at(sent_));
        if (sent_ == count_) return;
        timer_.expires_after(std::chrono::microseconds(500));
        timer_.async_wait([this](boost::system::error_code) { tick(); });
    }

    void ask(Clock::time_point due) {
        Connection& connection = *free_.back();
        free_.pop_back();
        ++sent_;
        plan_.next(connection.request);
        connection.answer.reset();
        connection.due = due;
        asio::async_write(connection.socket, asio::buffer(connection.request),
                          [this, &connection](boost::system::error_code error, std::size_t) {
                              if (error) return give_up(error.message());
                              read(connection);
                          });
    }

    void read(Connection& connection) {
        connection.socket.async_read_some(connection.answer.prepare(),
                                          [this, &connection](boost::system::error_code error, std::size_t size) {
                                              if (error) return give_up(error.message());
                                              switch (connection.answer.commit(size)) {
                                                  case http::AnswerParser::State::more: return read(connection);
                                                  case http::AnswerParser::State::complete: return answered(connection);
                                                  default: return give_up(connection.answer.problem());
                                              }
                                          });
    }

    void answered(Connection& connection) {
        latencies_.push_back(std::chrono::duration<float, std::milli>(Clock::now() - connection.due).count());
        if (!plan_.is_well(connection.answer.status(), connection.answer.fields().body) && failed_++ == 0) {
            std::fprintf(stderr, "bench: %d %s\n", connection.answer.status(), connection.answer.fields().body.c_str());
        }
        free_.push_back(&connection);
        if (rate_ == 0 && sent_ < count_) ask(Clock::now());
    }

    [[noreturn]] static void give_up(const std::string& why) {
        std::fprintf(stderr, "bench: no answer: %s\n", why.c_str());
        std::exit(1);
    }

    asio::io_context io_{1};
    asio::steady_timer timer_;
    Plan& plan_;
    long count_, sent_ = 0, failed_ = 0;
    int rate_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<Connection*> free_;
    std::vector<float> latencies_;
    Clock::time_point begun_;
    double seconds_ = 0;
};

class Submits final : public Plan {
public:
    Submits(const Asking& asking, const Jobs& jobs)
        : bytes_(jobs.bytes),
          batch_(asking.batch),
          keys_(jobs.keys),
          keeps_ids_(!asking.ids.empty()),
          head_("POST /v1/queues/" + asking.queue + (batch_ > 0 ? "/jobs:batch" : "/jobs") +
                " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ") {}

    void next(std::string& request) override {
        body_.clear();
        if (batch_ > 0) body_ += '[';
        for (int i = 0; i < std::max(batch_, 1); ++i) {
            if (i > 0) body_ += ',';
            body_.append(R"({"type":"mail",)");
            if (keys_ > 0) body_.append(R"("key":"key-)").append(std::to_string(number_ % keys_)).append("\",");
            body_.append(R"("payload":)").append(payload(number_++, bytes_)) += '}';
        }
        if (batch_ > 0) body_ += ']';
        request.assign(head_).append(std::to_string(body_.size())).append("\r\n\r\n").append(body_);
    }

    bool is_well(int status, const std::string& body) override {
        if (keeps_ids_ && status == 202) keep_ids(body);
        return status == 202;
    }

    const std::vector<std::string>& ids() const { return ids_; }

private:
    void keep_ids(const std::string& body) {
        static constexpr std::string_view before = "\"id\":\"";
        for (std::size_t at = body.find(before); at != std::string::npos; at = body.find(before, at)) {
            at += before.size();
            ids_.push_back(body.substr(at, body.find('"', at) - at));
        }
    }

    int bytes_, batch_, keys_;
    bool keeps_ids_;
    const std::string head_;
    std::string body_;
    long number_ = 0;
    std::vector<std::string> ids_;
};

class Statuses final : public Plan {
public:
    explicit Statuses(std::vector<std::string> ids) : ids_(std::move(ids)) {}

    void next(std::string& request) override {
        // Not in the order in which they were submitted, so that no page of the database is right at hand.
        at_ = (at_ + 7919) % ids_.size();
        request.assign("GET /v1/jobs/").append(ids_[at_]).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    }
    bool is_well(int status, const std::string&) override { return status == 200; }

private:
    std::vector<std::string> ids_;
    std::size_t at_ = 0;
};

}  // namespace

int submit(const Asking& asking, const Jobs& jobs) {
    Submits plan(asking, jobs);
    Asker asker(asking, jobs.count / std::max(asking.batch, 1), jobs.rate, plan);
    asker.run();
    asker.print(jobs.count);
    if (asking.ids.empty()) return 0;
    std::ofstream file(asking.ids);
    for (const std::string& id : plan.ids()) file << id << '\n';
    return file.flush() ? 0 : 1;
}

int status(const Asking& asking, const Jobs& jobs) {
    std::ifstream file(asking.ids);
    std::vector<std::string> ids;
    for (std::string id; std::getline(file, id);) ids.push_back(id);
    if (ids.empty()) {
        std::fprintf(stderr, "bench: %s names no job\n", asking.ids.c_str());
        return 1;
    }
    Statuses plan(std::move(ids));
    Asker asker(asking, jobs.count, jobs.rate, plan);
    asker.run();
    asker.print(jobs.count);
    return 0;
}

}  // namespace drover::bench
