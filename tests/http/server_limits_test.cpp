// Clients that are slow, large, many or malicious.
#include "tests/http/server_fixture.h"

#include <atomic>
#include <chrono>

namespace drover::http::test {
namespace {

using std::chrono::milliseconds;

class ServerLimits : public ServerTest {
protected:
    void start_counting() {
        start([this](Request, Server::Reply reply) {
            ++handled_;
            reply({200, {}, "ok"});
        });
    }

    std::atomic<int> handled_{0};
};

TEST_F(ServerLimits, requests_that_are_not_http_or_could_be_read_in_two_ways_are_refused) {
    start_counting();
    const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n", post = "POST / HTTP/1.1\r\nHost: a\r\n";
    const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    struct Case {
        std::string request;
        int status;
    };
    for (const auto& [request, status] : {
             Case{"hello\r\n\r\n", 400},
             Case{"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 400},
             Case{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             Case{"GET / HTTP/1.1\nHost: a\n\n", 400},
             Case{"\x16\x03\x01\x02\x05\x01\x03\x03 a TLS client's hello\r\n\r\n", 400},
             Case{"GET / HTTP/1.1\r\n\r\n", 400},
             Case{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
             Case{"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             Case{"GET /%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             Case{"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             Case{"GET no-slash HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             Case{get + "No colon\r\n\r\n", 400},
             Case{get + "Space : a\r\n\r\n", 400},
             Case{post + "Content-Length: abc\r\n\r\n" + hidden, 400},
             Case{post + "Content-Length: -1\r\n\r\n" + hidden, 400},
             Case{post + "Content-Length: 1, 2\r\n\r\n" + hidden, 400},
             Case{post + "Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + hidden, 400},
             Case{post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
             Case{post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden, 400},
             Case{post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + hidden, 400},
             Case{post + "Transfer-Encoding: gzip\r\n\r\n" + hidden, 501},
             Case{post + "Transfer-Encoding: chunked, gzip\r\n\r\n" + hidden, 501},
             Case{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 501},
         }) {
        RawSocket socket = connect();
        socket.write(request);
        const auto answer = socket.read_to_end();
        EXPECT_EQ(status_of(answer), status) << request << "\n" << answer;
        EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << answer;
        EXPECT_EQ(answer.find("HTTP/1.1 ", 1), std::string::npos) << "a second answer to " << request;
    }
    EXPECT_EQ(handled_, 0);
    EXPECT_EQ(status_of(ask(get + "\r\n")), 200);
}

TEST_F(ServerLimits, a_body_over_the_limit_is_refused_and_the_client_can_read_why) {
    options_.max_body_bytes = 1000;
    start_counting();
    const std::string large(2'000'000, 'x');
    for (const std::string& framing :
         {"Content-Length: 2000000\r\n\r\n" + large, "Transfer-Encoding: chunked\r\n\r\n1e8480\r\n" + large + "\r\n"}) {
        RawSocket socket = connect();
        socket.write("POST / HTTP/1.1\r\nHost: a\r\n" + framing);
        EXPECT_EQ(status_of(socket.read_to_end()), 413);
    }
    EXPECT_EQ(status_of(ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n")),
              413);
    EXPECT_EQ(handled_, 0);
    EXPECT_EQ(status_of(ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'))),
              200);
}

TEST_F(ServerLimits, a_head_over_the_limit_is_refused) {
    options_.max_head_bytes = 4096;
    start_counting();
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "X-" + std::to_string(i) + ": v\r\n";
    for (const std::string& head : {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(5000, 'v') + "\r\n\r\n",
                                    "GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n",
                                    "GET /" + std::string(5000, 'p') + " HTTP/1.1\r\nHost: a\r\n\r\n"}) {
        RawSocket socket = connect();
        socket.write(head);
        EXPECT_EQ(status_of(socket.read_to_end()), 431);
    }
    EXPECT_EQ(handled_, 0);
}

TEST_F(ServerLimits, a_request_that_does_not_come_in_time_is_refused) {
    options_.read_timeout = milliseconds(50);
    start_counting();
    for (const std::string begun : {"G", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345"}) {
        RawSocket socket = connect();
        socket.write(begun);
        EXPECT_EQ(status_of(socket.read_to_end()), 408);
    }
    EXPECT_EQ(handled_, 0);
}

TEST_F(ServerLimits, an_idle_connection_is_closed) {
    options_.idle_timeout = milliseconds(50);
    start_counting();
    EXPECT_EQ(connect().read_to_end(), "");
    RawSocket once;
    std::string answer;
    for (int i = 0; i < 100 && answer.empty(); ++i) {  // a slow machine may ask only when the time is over
        once = connect();
        once.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        answer = once.read_message();
    }
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(once.read_to_end(), "");
}

TEST_F(ServerLimits, a_client_that_does_not_read_its_answer_is_dropped) {
    options_.read_timeout = milliseconds(100);
    options_.stop_timeout = std::chrono::hours(1);  // which would drop it too
    start([](Request, Server::Reply reply) { reply({200, {}, std::string(64'000'000, 'x')}); });
    RawSocket socket = connect();
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    std::promise<void> stopped;
    EXPECT_NE(socket.read_through("\r\n\r\n"), "");  // the answer has begun
    on_owner([&] { server_->stop([&] { stopped.set_value(); }); });
    ASSERT_EQ(stopped.get_future().wait_for(std::chrono::minutes(1)), std::future_status::ready);
    EXPECT_LT(socket.read_to_end().size(), 64'000'000u);
}

TEST_F(ServerLimits, a_body_may_be_larger_once_the_limit_is_on_connections_that_there_are_too) {
    options_.max_body_bytes = 4;
    start_echo();
    const std::string request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345";
    RawSocket kept = connect();
    kept.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(status_of(kept.read_message()), 200);
    EXPECT_EQ(status_of(ask(request)), 413);
    on_owner([&] { server_->set_max_body_bytes(5); });
    kept.write(request);
    EXPECT_EQ(body_of(kept.read_message()), "POST / 12345");
}

TEST_F(ServerLimits, C14_large_requests_take_no_more_memory_together_than_they_may) {
    options_.max_held_bytes = 100'000;
    start_echo();
    const auto post = [](std::size_t size) {
        return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
    };
    const std::string large = post(50'000) + std::string(50'000, 'x'), small = post(10'000) + std::string(10'000, 'x');
    EXPECT_EQ(status_of(ask(post(200'000) + std::string(200'000, 'x'))), 503);
    {
        RawSocket slow = connect();
        slow.write(post(90'000) + std::string(80'000, 'x'));
        while (status_of(ask(large)) != 503) continue;  // until the slow one's have been read
        for (int i = 0; i < 20; ++i) EXPECT_EQ(status_of(ask(small)), 200);
        slow.write(std::string(10'000, 'x'));
        EXPECT_EQ(status_of(slow.read_message()), 200);
        EXPECT_EQ(status_of(ask(large)), 200) << "held after its answer";
        slow.write(post(90'000) + std::string(80'000, 'x'));
        while (status_of(ask(large)) != 503) continue;
    }
    while (status_of(ask(large)) != 200) continue;  // until the end of the slow one has been seen
}

TEST_F(ServerLimits, connections_beyond_the_limit_are_closed_at_once) {
    options_.max_connections = 2;
    start_counting();
    RawSocket first = connect(), second = connect();
    for (RawSocket* socket : {&first, &second}) {
        socket->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(status_of(socket->read_message()), 200);
    }
    EXPECT_EQ(connect().read_to_end(), "");
    first.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    first.read_to_end();
    first.close();
    // Its place is free once the server has seen the end.
    int status = 0;
    for (int i = 0; i < 10'000 && status != 200; ++i) status = status_of(ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(status, 200);
}

}  // namespace
}  // namespace drover::http::test
