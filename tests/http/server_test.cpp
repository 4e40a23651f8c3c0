#include "tests/http/server_fixture.h"

#include <atomic>
#include <future>
#include <vector>

#include <nlohmann/json.hpp>

namespace drover::http::test {
namespace {

TEST_F(ServerTest, hands_over_the_request_and_brings_back_the_answer) {
    Request seen;
    start([&](Request request, Server::Reply reply) {
        seen = std::move(request);
        reply(json_response(201, R"({"ok":true})"));
    });
    const auto answer =
        ask("POST /a%20b/c?x=1&y=%20 HTTP/1.1\r\nHost: a\r\nX-Some: Thing\r\nX-Some: other\r\n"
            "Content-Length: 4\r\n\r\nbody");
    EXPECT_EQ(status_of(answer), 201);
    EXPECT_EQ(answer,
              "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 11\r\n"
              "connection: keep-alive\r\n\r\n{\"ok\":true}");
    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.path, "/a b/c");
    EXPECT_EQ(seen.query, "x=1&y=%20");
    EXPECT_EQ(seen.header("x-some"), "Thing");
    EXPECT_EQ(seen.header("absent"), "");
}

TEST_F(ServerTest, keeps_the_connection_and_answers_pipelined_requests_in_order) {
    std::vector<Server::Reply> waiting;
    std::promise<void> asked;
    start([&](Request request, Server::Reply reply) {
        if (request.path == "/1") {
            waiting.push_back(std::move(reply));
            return asked.set_value();
        }
        reply({200, {}, request.path});
    });
    RawSocket socket = connect();
    std::string requests;
    for (int i = 1; i <= 5; ++i) requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    socket.write(requests);
    asked.get_future().wait();
    on_owner([&] { waiting[0]({200, {}, "late"}); });
    EXPECT_EQ(body_of(socket.read_message()), "late");
    for (int i = 2; i <= 5; ++i) EXPECT_EQ(body_of(socket.read_message()), "/" + std::to_string(i));
    socket.write("GET /6 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(body_of(socket.read_message()), "/6");
}

TEST_F(ServerTest, closes_when_asked_to_and_after_http_1_0) {
    start_echo();
    for (const std::string head :
         {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
        RawSocket socket = connect();
        socket.write(head);
        const auto answer = socket.read_to_end();
        EXPECT_EQ(status_of(answer), 200);
        EXPECT_NE(answer.find("connection: close"), std::string::npos);
    }
    RawSocket kept = connect();
    for (int i = 0; i < 2; ++i) {
        kept.write("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_EQ(status_of(kept.read_message()), 200);
    }
}

TEST_F(ServerTest, an_answer_to_head_has_the_length_but_not_the_body) {
    start_echo();
    RawSocket socket = connect();
    socket.write("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const auto both = socket.read_to_end();
    EXPECT_NE(both.find("content-length: 8\r\n"), std::string::npos) << both;
    EXPECT_EQ(both.find("HEAD /a"), std::string::npos) << both;
    EXPECT_TRUE(both.ends_with("\r\n\r\nGET /b ")) << both;
}

TEST_F(ServerTest, no_content_has_neither_body_nor_length) {
    start([](Request, Server::Reply reply) { reply({204, {}, "ignored"}); });
    EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 204 No Content\r\nconnection: keep-alive\r\n\r\n");
}

TEST_F(ServerTest, says_continue_to_who_waits_for_it) {
    start_echo();
    RawSocket socket = connect();
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(socket.read_through("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    socket.write("body");
    EXPECT_EQ(body_of(socket.read_message()), "POST / body");
}

TEST_F(ServerTest, takes_chunked_bodies_byte_by_byte) {
    start_echo();
    RawSocket socket = connect();
    for (const char c : std::string_view("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                         "2\r\nbo\r\n2;x\r\ndy\r\n0\r\nT: t\r\n\r\n")) {
        socket.write({&c, 1});
    }
    EXPECT_EQ(body_of(socket.read_message()), "POST / body");
}

TEST_F(ServerTest, only_the_first_reply_counts) {
    Server::Reply kept;
    start([&](Request request, Server::Reply reply) {
        if (request.path == "/first") kept = reply;
        reply({200, {}, request.path});
        reply({500, {}, "second"});
    });
    RawSocket socket = connect();
    socket.write("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(body_of(socket.read_message()), "/first");
    on_owner([&] { kept({500, {}, "third"}); });
    socket.write("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(body_of(socket.read_message()), "/next");
    on_owner([&] { kept = nullptr; });
}

TEST_F(ServerTest, a_reply_dropped_without_a_call_answers_500) {
    start([](Request, Server::Reply) {});
    const auto answer = ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(status_of(answer), 500);
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos);
}

TEST_F(ServerTest, a_handler_cannot_inject_a_header_or_an_impossible_status) {
    start([](Request request, Server::Reply reply) {
        if (request.path == "/status") return reply({99, {}, ""});
        reply({200, {{"location", "/a\r\nSet-Cookie: b"}}, ""});
    });
    for (const std::string path : {"/status", "/header"}) {
        const auto answer = ask("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(status_of(answer), 500) << answer;
        EXPECT_EQ(answer.find("Set-Cookie"), std::string::npos);
    }
}

TEST_F(ServerTest, a_client_that_goes_away_while_the_handler_works_harms_nobody) {
    std::promise<Server::Reply> promised;
    start([&](Request request, Server::Reply reply) {
        if (request.path == "/slow") return promised.set_value(std::move(reply));
        reply({200, {}, "ok"});
    });
    RawSocket socket = connect();
    socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    auto reply = promised.get_future().get();
    socket.reset();
    on_owner([&] { std::exchange(reply, nullptr)({200, {}, std::string(1'000'000, 'x')}); });
    EXPECT_EQ(body_of(ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), "ok");
}

// Keeps the reply to /slow, and says when its client has gone: then it is answered, too late.
Server::Handler told_of_goers(std::vector<Server::Reply>& waiting, std::promise<void>& asked,
                              std::promise<void>& gone) {
    return [&](const Request& request, const Server::Reply& reply) {
        if (request.path != "/slow") return reply({200, {}, request.path});
        waiting.push_back(reply);
        request.when_gone([&] {
            gone.set_value();
            std::exchange(waiting, {}).front()({200, {}, "late"});
        });
        asked.set_value();
    };
}

TEST_F(ServerTest, a_handler_is_told_of_a_client_that_goes_before_it_is_answered) {
    for (const auto leave : {&RawSocket::close, &RawSocket::reset, &RawSocket::end_writing}) {
        std::vector<Server::Reply> waiting;
        std::promise<void> asked, gone;
        start(told_of_goers(waiting, asked, gone));
        RawSocket socket = connect();
        for (int i = 0; i < 2; ++i) {  // kept connections too
            socket.write("GET /fast HTTP/1.1\r\nHost: a\r\n\r\n");
            EXPECT_EQ(body_of(socket.read_message()), "/fast");
        }
        socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        asked.get_future().wait();
        (socket.*leave)();
        gone.get_future().wait();
        if (leave == &RawSocket::end_writing) {
            EXPECT_EQ(body_of(socket.read_message()), "late");
        }
        on_owner([&] { server_.reset(); });
    }
}

TEST_F(ServerTest, a_client_that_stays_is_answered_and_its_next_request_is_not_lost) {
    std::vector<Server::Reply> waiting;
    std::promise<void> asked, gone;
    start(told_of_goers(waiting, asked, gone));
    RawSocket socket = connect();
    socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    asked.get_future().wait();
    socket.write("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    on_owner([&] { std::exchange(waiting, {}).front()({200, {}, "in time"}); });
    EXPECT_EQ(body_of(socket.read_message()), "in time");
    EXPECT_EQ(body_of(socket.read_message()), "/next");
    socket.close();
    on_owner([&] { server_.reset(); });
    EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(0)), std::future_status::timeout);
}

TEST_F(ServerTest, stop_finishes_what_is_being_answered_and_takes_nothing_more) {
    std::promise<Server::Reply> promised;
    start([&](Request, Server::Reply reply) { promised.set_value(std::move(reply)); });
    RawSocket idle = connect(), busy = connect(), reading = connect();
    reading.write("GET / HT");
    busy.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    auto reply = promised.get_future().get();

    std::promise<void> stopped;
    on_owner([&] { server_->stop([&] { stopped.set_value(); }); });
    EXPECT_EQ(idle.read_to_end(), "");
    EXPECT_EQ(reading.read_to_end(), "");
    auto over = stopped.get_future();
    EXPECT_EQ(over.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    on_owner([&] { std::exchange(reply, nullptr)({200, {}, "last"}); });
    const auto answer = busy.read_to_end();
    EXPECT_EQ(body_of(answer), "last");
    EXPECT_NE(answer.find("connection: close"), std::string::npos);
    busy.close();
    over.wait();
}

TEST_F(ServerTest, stop_cuts_what_is_not_answered_in_its_time) {
    options_.stop_timeout = std::chrono::milliseconds(50);
    std::promise<Server::Reply> promised;
    start([&](Request, Server::Reply reply) { promised.set_value(std::move(reply)); });
    RawSocket socket = connect();
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    auto reply = promised.get_future().get();
    std::promise<void> stopped;
    on_owner([&] { server_->stop([&] { stopped.set_value(); }); });
    stopped.get_future().wait();
    EXPECT_EQ(socket.read_to_end(), "");
    on_owner([&] { std::exchange(reply, nullptr)({200, {}, "too late"}); });
}

TEST_F(ServerTest, stop_without_a_client_is_reported_too) {
    start_echo();
    std::promise<void> stopped;
    on_owner([&] { server_->stop([&] { stopped.set_value(); }); });
    stopped.get_future().wait();
}

TEST_F(ServerTest, replies_after_the_server_has_gone_do_nothing) {
    std::promise<Server::Reply> promised;
    start([&](Request, Server::Reply reply) { promised.set_value(std::move(reply)); });
    RawSocket socket = connect();
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    auto reply = promised.get_future().get();
    on_owner([&] {
        server_.reset();
        std::exchange(reply, nullptr)({200, {}, "nobody"});
    });
    EXPECT_EQ(socket.read_to_end(), "");
}

TEST_F(ServerTest, a_port_that_is_taken_is_named) {
    start_echo();
    on_owner([&] {
        ServerOptions same;
        same.port = server_->port();
        const auto second = Server::listen(io_.get_executor(), same, [](Request, Server::Reply) {});
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, Error::Code::unavailable);
        EXPECT_NE(second.error().message.find("127.0.0.1:" + std::to_string(same.port)), std::string::npos);
        ServerOptions wrong;
        wrong.address = "nowhere";
        EXPECT_EQ(Server::listen(io_.get_executor(), wrong, [](Request, Server::Reply) {}).error().code,
                  Error::Code::invalid);
    });
}

TEST(Problem, is_json_whatever_bytes_it_quotes) {
    const auto answer = problem(404, "Not Found", "no job '\xff\r\n\"'");
    const auto json = nlohmann::json::parse(answer.body);
    EXPECT_EQ(json["status"], 404);
    EXPECT_EQ(json["title"], "Not Found");
    EXPECT_EQ(json["detail"], "no job '\xef\xbf\xbd\r\n\"'");
    EXPECT_EQ(answer.headers.at(0).value, "application/problem+json");
    EXPECT_FALSE(nlohmann::json::parse(problem(500, "No", "").body).contains("detail"));
}

}  // namespace
}  // namespace drover::http::test
