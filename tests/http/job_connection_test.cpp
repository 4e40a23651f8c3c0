#include "src/http/job_connection.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <gtest/gtest.h>

#include "tests/http/scripted_worker.h"

namespace drover::http::test {
namespace {

class JobConnectionTest : public ::testing::Test, protected JobConnection::Owner {
protected:
    std::shared_ptr<JobConnection> connect_to(const ScriptedWorker& worker) {
        JobConnection::Owner& owner = *this;
        const boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::make_address("127.0.0.1"), worker.port());
        return std::make_shared<JobConnection>(io_.get_executor(), endpoint, AnswerLimits{}, owner);
    }

    void exchange(JobConnection& connection) {
        ended_.reset();
        not_taken_ = false;
        connection.head() = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
        connection.begin(1, "job");
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!ended_ && !not_taken_ && std::chrono::steady_clock::now() < limit) {
            io_.run_one_for(std::chrono::milliseconds(100));
        }
    }

    void ended(JobConnection&, const Answer& answer, bool) override { ended_ = answer.kind; }
    void not_taken(JobConnection&) override { not_taken_ = true; }

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{io_.get_executor()};
    std::optional<Answer::Kind> ended_;
    bool not_taken_ = false;
};

// The pool looks whether a kept connection is still open before it uses it. This is what happens when the app closes
// it between that look and the write.
TEST_F(JobConnectionTest, A8_a_job_written_to_a_connection_that_the_app_had_closed_was_not_taken) {
    std::atomic<bool> closed{false};
    ScriptedWorker worker([&](RawSocket& socket) {
        socket.read_message();
        socket.write(answer_with("ok"));
        socket.close();
        closed = true;
        closed.notify_all();
    });
    const auto connection = connect_to(worker);
    exchange(*connection);
    EXPECT_EQ(ended_, Answer::Kind::response);
    closed.wait(false);
    EXPECT_FALSE(connection->is_quiet());
    exchange(*connection);
    EXPECT_TRUE(not_taken_);
    connection->close();
}

TEST_F(JobConnectionTest, A8_a_worker_that_dies_with_the_job_read_leaves_a_cut_on_a_kept_connection_too) {
    ScriptedWorker worker([&](RawSocket& socket) {
        socket.read_message();
        socket.write(answer_with("ok"));
        socket.read_message();
    });
    const auto connection = connect_to(worker);
    exchange(*connection);
    EXPECT_EQ(ended_, Answer::Kind::response);
    EXPECT_TRUE(connection->is_quiet());
    exchange(*connection);
    EXPECT_EQ(ended_, Answer::Kind::cut);
    EXPECT_FALSE(not_taken_);
    connection->close();
}

TEST_F(JobConnectionTest, A8_a_worker_that_resets_with_the_job_read_leaves_a_cut_too) {
    ScriptedWorker worker([&](RawSocket& socket) {
        socket.read_message();
        socket.write(answer_with("ok"));
        socket.read_message();
        socket.reset();
    });
    const auto connection = connect_to(worker);
    exchange(*connection);
    exchange(*connection);
    EXPECT_EQ(ended_, Answer::Kind::cut);
    EXPECT_FALSE(not_taken_);
    connection->close();
}

}  // namespace
}  // namespace drover::http::test
