// Runs a JobClient on the test's thread, and keeps what it answers.
#pragma once

#include "src/http/job_client.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "tests/http/scripted_worker.h"

namespace drover::http::test {

// An Answer that owns what it shows.
struct KeptAnswer {
    Answer::Kind kind;
    int status;
    std::string retry_after, outcome, error, content_type, body, detail;
};

class JobClientTest : public ::testing::Test, protected JobClient::Listener {
protected:
    JobClientTest() : io_(1), guard_(io_.get_executor()) {}

    // The next client is a new one, of this worker. Workers are the tests' own, after what their scripts refer to.
    void use(const ScriptedWorker& worker) {
        client_.reset();
        options_.port = worker.port();
    }

    JobClient& client() {
        if (!client_) client_ = JobClient::create(io_.get_executor(), options_, *this);
        return *client_;
    }

    void send(JobClient::Token token, std::string_view body = "job", std::vector<FieldView> headers = {}) {
        sending_ = true;
        client().send(token, headers, body);
        sending_ = false;
    }

    void abort(JobClient::Token token) {
        sending_ = true;
        client().abort(token);
        sending_ = false;
    }

    // The limit only ends a test that hangs.
    void run_until(const std::function<bool()>& done) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!done()) {
            ASSERT_LT(std::chrono::steady_clock::now(), limit) << "what the test waits for did not come";
            io_.run_one_for(std::chrono::milliseconds(100));
        }
    }

    // Everything that can happen without the other side has happened.
    void run_ready() {
        while (io_.poll() > 0) {}
    }

    const KeptAnswer& answer_of(JobClient::Token token) {
        run_until([&] { return !answers_[token].empty(); });
        static const KeptAnswer none{};
        return answers_[token].empty() ? none : answers_[token].back();
    }

    KeptAnswer exchange(std::string_view body = "job", std::vector<FieldView> headers = {}) {
        // The client gives up a connection that was idle for longer than this: a machine that stood still costs one.
        const auto now = std::chrono::steady_clock::now();
        if (now - last_exchange_ > std::chrono::seconds(1)) ++standstills_;
        last_exchange_ = now;
        send(++last_token_, body, std::move(headers));
        return answer_of(last_token_);
    }

    // Whether all exchanges so far went over one connection, as far as the machine allowed it.
    void expect_one_connection(const ScriptedWorker& worker) const {
        EXPECT_GE(worker.connections(), 1);
        EXPECT_LE(worker.connections(), 1 + standstills_);
    }

    void answered(JobClient::Token token, const Answer& a) override {
        EXPECT_FALSE(sending_) << "answered() from within send() or abort()";
        answers_[token].push_back({a.kind, a.status, std::string(a.retry_after), std::string(a.outcome),
                                   std::string(a.error), std::string(a.content_type), std::string(a.body), a.detail});
        if (then_) then_(token);
    }
    void probed(bool reachable) override { probes_.push_back(reachable); }

    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
    JobClientOptions options_;
    std::map<JobClient::Token, std::vector<KeptAnswer>> answers_;
    std::vector<bool> probes_;
    std::function<void(JobClient::Token)> then_;
    JobClient::Token last_token_ = 1'000'000;
    std::chrono::steady_clock::time_point last_exchange_ = std::chrono::steady_clock::now();
    int standstills_ = 0;
    bool sending_ = false;
    std::unique_ptr<JobClient> client_;
};

}  // namespace drover::http::test
