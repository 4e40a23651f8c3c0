#include "tests/http/job_client_fixture.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <set>

namespace drover::http::test {
namespace {

using Kind = Answer::Kind;

TEST_F(JobClientTest, A1_posts_the_job_with_its_headers_and_body_and_brings_the_answer_back) {
    std::string request;
    ScriptedWorker worker([&](RawSocket& socket) {
        request = socket.read_message();
        socket.write(answer_with("done", "200 OK",
                                 "Content-Type: text/plain\r\nRetry-After: 7\r\ndrover-outcome: retry\r\n"
                                 "DROVER-ERROR: Busy\r\n"));
    });
    use(worker);
    options_.path = "/work here";
    const auto answer = exchange("payload", {{"drover-queue", "email"}, {"drover-key", "a b\tc"}, {"x-empty", ""}});
    EXPECT_EQ(answer.kind, Kind::response);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "done");
    EXPECT_EQ(answer.content_type, "text/plain");
    EXPECT_EQ(answer.retry_after, "7");
    EXPECT_EQ(answer.outcome, "retry");
    EXPECT_EQ(answer.error, "Busy");
    EXPECT_EQ(request, "POST /work%20here HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(worker.port()) +
                           "\r\ndrover-queue: email\r\ndrover-key: a b\tc\r\nx-empty: \r\nContent-Length: 7\r\n\r\n"
                           "payload");
}

TEST_F(JobClientTest, A4_every_status_is_reported_as_it_came) {
    std::atomic<int> status{200};
    ScriptedWorker worker([&](RawSocket& socket) {
        while (!socket.read_message().empty()) socket.write(answer_with("", std::to_string(status) + " Some"));
    });
    use(worker);
    for (const int code : {200, 201, 202, 204, 299, 301, 302, 304, 400, 404, 408, 409, 422, 429, 500, 503, 599, 999}) {
        status = code;
        const auto answer = exchange();
        EXPECT_EQ(answer.kind, Kind::response) << code;
        EXPECT_EQ(answer.status, code);
    }
}

TEST_F(JobClientTest, keeps_the_connection_from_job_to_job) {
    ScriptedWorker worker(answering(answer_with("ok")));
    use(worker);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(exchange().body, "ok");
    expect_one_connection(worker);
}

TEST_F(JobClientTest, an_answer_stays_readable_when_the_listener_sends_the_next_job_meanwhile) {
    std::atomic<int> count{0};
    ScriptedWorker worker([&](RawSocket& socket) {
        while (!socket.read_message().empty()) socket.write(answer_with("answer " + std::to_string(++count)));
    });
    use(worker);
    then_ = [&](JobClient::Token token) {
        if (token < 5) client().send(token + 1, {}, "next");
    };
    send(1);
    EXPECT_EQ(answer_of(5).body, "answer 5");
    EXPECT_EQ(answers_[3].back().body, "answer 3");
    EXPECT_EQ(worker.connections(), 1);
}

TEST_F(JobClientTest, empty_and_binary_and_large_bodies_arrive_and_come_back_unchanged) {
    ScriptedWorker worker([](RawSocket& socket) {
        for (std::string request; !(request = socket.read_message()).empty();) {
            socket.write(answer_with(request.substr(request.find("\r\n\r\n") + 4)));
        }
    });
    use(worker);
    options_.max_answer_bytes = 4 * 1024 * 1024;
    std::string binary;
    for (int i = 0; i < 4096; ++i) binary += static_cast<char>(i * 7);
    std::string large(4 * 1024 * 1024, 'x');
    large[1'000'000] = '\0';
    for (const auto& body : {std::string(), binary, std::string("\0\r\n\r\n", 5), large}) {
        const auto answer = exchange(body);
        EXPECT_EQ(answer.kind, Kind::response) << answer.detail;
        EXPECT_TRUE(answer.body == body) << body.size();
    }
}

TEST_F(JobClientTest, two_hundred_headers_are_sent_and_two_hundred_read) {
    std::string names, request;
    std::string answer_headers;
    for (int i = 0; i < 200; ++i) answer_headers += "X-" + std::to_string(i) + ": " + std::string(100, 'v') + "\r\n";
    ScriptedWorker worker([&](RawSocket& socket) {
        request = socket.read_message();
        socket.write(answer_with("ok", "200 OK", answer_headers + "Drover-Outcome: dead\r\n"));
    });
    use(worker);
    std::vector<std::string> kept;
    for (int i = 0; i < 200; ++i) kept.push_back("kafka-header-" + std::to_string(i));
    std::vector<FieldView> headers;
    for (const auto& name : kept) headers.push_back({name, "value"});
    const auto answer = exchange("job", headers);
    EXPECT_EQ(answer.outcome, "dead");
    for (const auto& name : kept) EXPECT_NE(request.find("\r\n" + name + ": value\r\n"), std::string::npos) << name;
}

TEST_F(JobClientTest, five_thousand_jobs_with_64_in_flight_are_each_answered_once) {
    std::atomic<int> arrived{0};
    ScriptedWorker worker([&](RawSocket& socket) {
        for (std::string request; !(request = socket.read_message()).empty();) {
            ++arrived;  // before the answer, after which the test counts
            socket.write(answer_with(request.substr(request.find("\r\n\r\n") + 4)));
        }
    });
    use(worker);
    constexpr JobClient::Token jobs = 5000;
    std::vector<std::string> bodies;
    for (JobClient::Token i = 0; i < jobs; ++i) bodies.push_back("job " + std::to_string(i));
    JobClient::Token next = 64;
    std::size_t done = 0;
    then_ = [&](JobClient::Token) {
        ++done;
        if (next < jobs) client().send(next, {}, bodies[next]), ++next;
    };
    for (JobClient::Token i = 0; i < 64; ++i) send(i, bodies[i]);
    run_until([&] { return done == jobs; });
    run_ready();
    EXPECT_EQ(arrived, static_cast<int>(jobs));
    ASSERT_EQ(answers_.size(), jobs);
    for (const auto& [token, answers] : answers_) {
        ASSERT_EQ(answers.size(), 1u) << token;
        EXPECT_EQ(answers.front().kind, Kind::response) << answers.front().detail;
        EXPECT_EQ(answers.front().body, bodies[token]);
    }
    EXPECT_EQ(worker.connections(), 64);
}

TEST_F(JobClientTest, A8_a_port_that_refuses_is_told_from_a_cut_connection) {
    const RawSocket nobody = RawSocket::bound();  // bound, but not listening: refuses
    options_.port = nobody.port();
    const auto refused = exchange();
    EXPECT_EQ(refused.kind, Kind::refused);
    EXPECT_NE(refused.detail.find("refused"), std::string::npos) << refused.detail;
    ScriptedWorker worker([](RawSocket& socket) { socket.read_message(); });
    use(worker);
    EXPECT_EQ(exchange().kind, Kind::cut);
}

TEST_F(JobClientTest, A8_a_probe_says_whether_the_worker_has_come_up) {
    RawSocket later = RawSocket::bound();  // bound, but not listening: refuses
    options_.port = later.port();
    client().probe();
    EXPECT_TRUE(probes_.empty()) << "from within probe()";
    run_until([&] { return probes_.size() == 1; });
    EXPECT_FALSE(probes_[0]);
    EXPECT_EQ(exchange().kind, Kind::refused);

    ScriptedWorker worker(std::move(later), answering(answer_with("up")));
    client().probe();
    run_until([&] { return probes_.size() == 2; });
    EXPECT_TRUE(probes_[1]);
    EXPECT_EQ(exchange().body, "up");
}

TEST_F(JobClientTest, A8_a_port_that_does_not_answer_a_connect_counts_as_refused_after_a_second) {
    RawSocket listener = RawSocket::bound();
    ASSERT_EQ(::listen(listener.fd(), 0), 0);
    options_.port = listener.port();
    const RawSocket first = RawSocket::connect(listener.port());  // fills the queue that nobody takes from
    const auto answer = exchange();
    EXPECT_EQ(answer.kind, Kind::refused);
    EXPECT_NE(answer.detail.find("within a second"), std::string::npos) << answer.detail;
}

TEST_F(JobClientTest, A8_a_free_port_of_the_ephemeral_range_is_never_taken_for_a_worker) {
    // Linux gives connects the range's ports of one parity, one after the other. So sooner or later a connect to a free
    // one of them is given that port itself, and meets itself. Twenty thousand times is more than there are.
    RawSocket free_port = RawSocket::bound();
    while (free_port.port() % 2 != 0) free_port = RawSocket::bound(static_cast<std::uint16_t>(free_port.port() + 1));
    options_.port = free_port.port();
    free_port.close();
    for (std::size_t asked = 0; asked < 20'000; ++asked) {
        client().probe();
        run_until([&] { return probes_.size() == asked + 1; });
        ASSERT_FALSE(probes_.back()) << "after " << asked;
    }
}

TEST_F(JobClientTest, without_a_free_descriptor_the_job_was_not_seen_and_the_cause_is_named) {
    ScriptedWorker worker(answering(answer_with("ok")));
    use(worker);
    client();
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit none{static_cast<rlim_t>(lowest_free), limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    send(1);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    const auto answer = answer_of(1);
    EXPECT_EQ(answer.kind, Kind::refused);
    EXPECT_NE(answer.detail.find("Too many open files"), std::string::npos) << answer.detail;
    EXPECT_EQ(exchange().body, "ok");
}

TEST_F(JobClientTest, A8_a_worker_that_closed_a_kept_connection_gets_the_next_job_once_on_a_new_one) {
    constexpr int rounds = 20;
    std::atomic<int> arrived{0};
    std::atomic<int> closed{0};
    ScriptedWorker worker([&](RawSocket& socket) {
        socket.read_message();
        ++arrived;
        socket.write(answer_with("ok"));  // says nothing of closing
        socket.end_writing();
        ++closed;
        closed.notify_all();
        socket.read_to_end();
    });
    use(worker);
    for (int i = 0; i < rounds; ++i) {
        const auto answer = exchange();
        EXPECT_EQ(answer.kind, Kind::response) << answer.detail;
        for (int seen = closed; seen <= i; seen = closed) closed.wait(seen);
    }
    EXPECT_EQ(arrived, rounds);
}

TEST_F(JobClientTest, a_connection_is_not_used_again_when_the_answer_says_so_or_leaves_it_open) {
    for (const std::string answer : {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
                                     "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
                                     "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok",
                                     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokstray bytes",
                                     "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n"}) {
        ScriptedWorker worker(answering(answer));
        use(worker);
        EXPECT_EQ(exchange().kind, Kind::response) << answer;
        EXPECT_EQ(exchange().kind, Kind::response) << answer;
        EXPECT_EQ(worker.connections(), 2) << answer;
    }
}

TEST_F(JobClientTest, http_1_0_keeps_the_connection_where_it_says_so) {
    ScriptedWorker worker(answering("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"));
    use(worker);
    EXPECT_EQ(exchange().body, "ok");
    EXPECT_EQ(exchange().body, "ok");
    expect_one_connection(worker);
}

TEST_F(JobClientTest, idle_connections_are_closed_before_servers_would) {
    std::atomic<bool> ended{false};
    ScriptedWorker worker([&](RawSocket& socket) {
        socket.read_message();
        socket.write(answer_with("ok"));
        EXPECT_EQ(socket.read_to_end(), "");
        ended = true;
    });
    use(worker);
    exchange();
    run_until([&] { return ended.load(); });
}

TEST_F(JobClientTest, a_client_that_ends_with_jobs_in_flight_answers_nothing) {
    ScriptedWorker worker([](RawSocket& socket) { socket.read_to_end(); });
    use(worker);
    for (JobClient::Token i = 0; i < 8; ++i) send(i);
    run_ready();
    send(8);
    abort(0);
    client().probe();
    client_.reset();
    run_ready();
    EXPECT_TRUE(answers_.empty());
    EXPECT_TRUE(probes_.empty());
}

TEST_F(JobClientTest, a_client_may_end_from_within_an_answer) {
    ScriptedWorker worker(answering(answer_with("ok")));
    use(worker);
    then_ = [&](JobClient::Token) { client_.reset(); };
    send(1);
    send(2);
    run_until([&] { return !answers_.empty(); });
    run_ready();
    EXPECT_EQ(answers_.size(), 1u);
}

}  // namespace
}  // namespace drover::http::test
