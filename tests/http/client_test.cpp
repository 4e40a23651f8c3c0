#include "src/http/client.h"

#include <atomic>
#include <future>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http/scripted_worker.h"
#include "tests/http/tls_material.h"

namespace drover::http::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr auto a_minute = 60'000ms;

std::unique_ptr<Client> client_of(std::uint16_t port, ClientOptions options = {}) {
    options.base = "http://127.0.0.1:" + std::to_string(port);
    auto client = Client::create(options);
    EXPECT_TRUE(client) << client.error().message;
    return std::move(*client);
}

ClientRequest get(std::string target) {
    ClientRequest request;
    request.target = std::move(target);
    request.timeout = a_minute;
    return request;
}

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
std::string chunk(const std::string& text) {
    std::array<char, 20> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
    return size.data() + text + "\r\n";
}

TEST(Client, asks_as_told_and_brings_the_whole_answer) {
    std::promise<std::string> asked;
    ScriptedWorker server([&](RawSocket& socket) {
        asked.set_value(socket.read_message());
        socket.write(answer_with("no such thing", "404 Not Found", "X-Thing: a\r\n"));
    });
    ClientRequest request = get("/a%2Fb?limit=1&x=%20");
    request.method = "PATCH";
    request.headers = {{"content-type", "application/merge-patch+json"}, {"authorization", "Bearer t"}};
    request.body = R"({"a":1})";
    const auto answer = client_of(server.port())->send(request);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 404);
    EXPECT_EQ(answer->body, "no such thing");
    EXPECT_EQ(answer->header("x-thing"), "a");
    EXPECT_EQ(answer->header("absent"), "");
    const auto seen = asked.get_future().get();
    EXPECT_THAT(seen, HasSubstr("PATCH /a%2Fb?limit=1&x=%20 HTTP/1.1\r\n"));
    EXPECT_THAT(seen, HasSubstr("\r\ncontent-type:application/merge-patch+json\r\n"));
    EXPECT_THAT(seen, HasSubstr("\r\nauthorization:Bearer t\r\n"));
    EXPECT_TRUE(seen.ends_with("\r\n\r\n{\"a\":1}")) << seen;
}

// cpprestsdk has an answer's connection back a moment after the caller has the answer: who asks at once may get
// another.
TEST(Client, keeps_its_connections) {
    constexpr int requests = 50;
    ScriptedWorker server(answering(answer_with("x")));
    const auto client = client_of(server.port());
    for (int i = 0; i < requests; ++i) EXPECT_TRUE(client->send(get("/")));
    EXPECT_LT(server.connections(), requests / 5);
}

TEST(Client, serves_many_threads_at_once) {
    ScriptedWorker server(answering(answer_with("x")));
    const auto client = client_of(server.port());
    std::atomic<int> answered = 0;
    {
        std::vector<std::jthread> callers;
        for (int i = 0; i < 8; ++i) {
            callers.emplace_back([&] {
                for (int j = 0; j < 25; ++j) answered += client->send(get("/")).has_value();
            });
        }
    }
    EXPECT_EQ(answered, 200);
}

TEST(Client, nobody_listens_is_unavailable) {
    const RawSocket taken = RawSocket::bound();
    const auto refused = client_of(taken.port())->send(get("/"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::unavailable) << refused.error().message;
    EXPECT_TRUE(refused.error().retryable);
}

// A server may close a kept connection at any moment; the next request finds out.
TEST(Client, sends_again_what_may_be_sent_twice_where_the_connection_breaks) {
    std::atomic<int> requests = 0;
    ScriptedWorker server([&](RawSocket& socket) {
        for (;;) {
            if (socket.read_message().empty()) return;
            if (++requests == 2) return;
            if (!socket.write(answer_with("x"))) return;
        }
    });
    const auto client = client_of(server.port());
    EXPECT_TRUE(client->send(get("/")));
    ClientRequest request = get("/");
    request.repeatable = true;
    request.method = "PATCH";
    request.body = "body";
    const auto answer = client->send(request);
    EXPECT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(requests, 3);
}

TEST(Client, sends_once_what_may_not_be_sent_twice) {
    std::atomic<int> requests = 0;
    ScriptedWorker server([&](RawSocket& socket) {
        if (!socket.read_message().empty()) ++requests;
    });
    ClientRequest request = get("/");
    request.method = "POST";
    request.body = "body";
    const auto answer = client_of(server.port())->send(request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Error::Code::unavailable);
    EXPECT_EQ(requests, 1);
}

TEST(Client, an_answer_that_does_not_come_is_a_timeout) {
    ScriptedWorker silent([](RawSocket& socket) { socket.read_to_end(); });
    ClientRequest request = get("/");
    request.timeout = 50ms;
    const auto answer = client_of(silent.port())->send(request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Error::Code::timeout) << answer.error().message;
}

TEST(Client, an_answer_that_trickles_is_a_timeout_too) {
    ScriptedWorker slow([](RawSocket& socket) {
        socket.read_message();
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (socket.write("x")) std::this_thread::sleep_for(5ms);
    });
    ClientRequest request = get("/");
    request.timeout = 200ms;
    const auto answer = client_of(slow.port())->send(request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Error::Code::timeout) << answer.error().message;
}

TEST(Client, a_cut_answer_is_no_answer) {
    for (const std::string cut :
         {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nContent-",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "no HTTP\r\n\r\n"}) {
        ScriptedWorker server([&](RawSocket& socket) {
            socket.read_message();
            socket.write(cut);
        });
        const auto answer = client_of(server.port())->send(get("/"));
        ASSERT_FALSE(answer) << cut;
        EXPECT_EQ(answer.error().code, Error::Code::unavailable) << cut;
    }
}

TEST(Client, an_answer_over_the_limit_is_refused) {
    ScriptedWorker server(answering(answer_with(std::string(5000, 'x'))));
    ClientOptions options;
    options.max_body_bytes = 4999;
    const auto answer = client_of(server.port(), options)->send(get("/"));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Error::Code::too_large);
    options.max_body_bytes = 5000;
    EXPECT_TRUE(client_of(server.port(), options)->send(get("/")));
}

TEST(Client, a_header_that_would_start_another_and_a_broken_target_are_refused) {
    ScriptedWorker server(answering(answer_with("x")));
    const auto client = client_of(server.port());
    ClientRequest request = get("/");
    request.headers = {{"authorization", "a\r\nX-Other: b"}};
    EXPECT_EQ(client->send(request).error().code, Error::Code::invalid);
    for (const std::string target : {"/a b", "/a\r\nX: y", "/%zz\x01"}) {
        const auto answer = client->send(get(target));
        ASSERT_FALSE(answer) << target;
        EXPECT_EQ(answer.error().code, Error::Code::invalid) << target;
    }
    EXPECT_EQ(server.connections(), 0);
}

TEST(Client, streams_bytes_as_they_come) {
    std::promise<void> first_seen;
    ScriptedWorker server([&](RawSocket& socket) {
        socket.read_message();
        socket.write(chunked_head + chunk("one\n"));
        first_seen.get_future().wait();
        socket.write(chunk("two\nthr") + chunk("ee\n") + "0\r\n\r\n");
        socket.read_to_end();
    });
    std::string all;
    const auto answer = client_of(server.port())->stream(get("/"), a_minute, [&](std::string_view bytes) {
        if (all.empty() && bytes == "one\n") first_seen.set_value();
        all += bytes;
        return true;
    });
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "");
    EXPECT_EQ(all, "one\ntwo\nthree\n");
}

TEST(Client, streams_much_without_loss) {
    std::string sent;
    for (int i = 0; i < 200'000; ++i) sent += std::to_string(i) + "\n";
    ScriptedWorker server([&](RawSocket& socket) {
        socket.read_message();
        socket.write(chunked_head);
        for (std::size_t at = 0; at < sent.size(); at += 30'001) socket.write(chunk(sent.substr(at, 30'001)));
        socket.write("0\r\n\r\n");
        socket.read_to_end();
    });
    std::string all;
    const auto answer = client_of(server.port())->stream(get("/"), a_minute, [&](std::string_view bytes) {
        all += bytes;
        return true;
    });
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(all == sent);
}

TEST(Client, a_stream_that_is_refused_has_its_body) {
    ScriptedWorker server(answering(answer_with("too old", "410 Gone")));
    const auto answer = client_of(server.port())->stream(get("/"), a_minute, [](std::string_view) {
        ADD_FAILURE() << "this is no success";
        return true;
    });
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 410);
    EXPECT_EQ(answer->body, "too old");
}

TEST(Client, a_stream_that_falls_silent_is_a_timeout_and_one_that_is_cut_unavailable) {
    std::atomic<bool> cut = false;
    ScriptedWorker server([&](RawSocket& socket) {
        socket.read_message();
        socket.write(chunked_head + chunk("one"));
        if (!cut) socket.read_to_end();
    });
    const auto client = client_of(server.port());
    std::string all;
    const auto keep = [&](std::string_view bytes) {
        all += bytes;
        return true;
    };
    auto answer = client->stream(get("/"), 50ms, keep);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Error::Code::timeout) << answer.error().message;
    cut = true;
    answer = client->stream(get("/"), a_minute, keep);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Error::Code::unavailable) << answer.error().message;
    EXPECT_EQ(all, "oneone");
}

TEST(Client, a_caller_ends_a_stream_from_within_and_from_another_thread) {
    std::promise<void> flowing;
    ScriptedWorker server([&](RawSocket& socket) {
        socket.read_message();
        socket.write(chunked_head + chunk("one"));
        socket.read_to_end();  // until the client has hung up
    });
    const auto client = client_of(server.port());
    EXPECT_TRUE(client->stream(get("/"), a_minute, [](std::string_view) { return false; }));

    std::stop_source stop;
    std::jthread other([&] {
        flowing.get_future().wait();
        stop.request_stop();
    });
    const auto answer = client->stream(
        get("/"), a_minute,
        [&](std::string_view) {
            flowing.set_value();
            return true;
        },
        stop.get_token());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Error::Code::unavailable);
    EXPECT_FALSE(answer.error().retryable);
}

// A server over TLS that tells who the client is, one connection after the other.
class TlsServer {
public:
    explicit TlsServer(bool asks_for_certificate) {
        const auto& tls = tls_material();
        context_.use_certificate_chain(boost::asio::buffer(tls.server_certificate));
        context_.use_private_key(boost::asio::buffer(tls.server_key), boost::asio::ssl::context::pem);
        context_.add_certificate_authority(boost::asio::buffer(tls.ca));
        if (asks_for_certificate) {
            context_.set_verify_mode(boost::asio::ssl::verify_peer | boost::asio::ssl::verify_fail_if_no_peer_cert);
        }
        thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }
    ~TlsServer() {
        thread_.request_stop();
        RawSocket::connect(port());  // wakes accept()
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    void serve(const std::stop_token& stop) {
        for (;;) {
            boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream(io_, context_);
            acceptor_.accept(stream.next_layer());
            if (stop.stop_requested()) return;
            boost::system::error_code ec;
            stream.handshake(boost::asio::ssl::stream_base::server, ec);
            boost::asio::streambuf head;
            if (!ec) boost::asio::read_until(stream, head, "\r\n\r\n", ec);
            if (ec) continue;  // the client did not like what it saw: it says so
            X509* peer = SSL_get_peer_certificate(stream.native_handle());
            const std::string body = peer ? "known" : "unknown";
            X509_free(peer);
            boost::asio::write(stream, boost::asio::buffer(answer_with(body, "200 OK", "Connection: close\r\n")), ec);
        }
    }

    boost::asio::io_context io_;
    boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
    boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
    std::jthread thread_;
};

Result<ClientResponse> ask(const TlsServer& server, const ClientTls& tls, const std::string& host = "localhost") {
    auto client = Client::create({"https://" + host + ":" + std::to_string(server.port()), tls});
    if (!client) return tl::unexpected(client.error());
    return (*client)->send(get("/"));
}

TEST(Client, trusts_the_named_authority_and_nobody_else) {
    const TlsServer server(false);
    const auto answer = ask(server, {.ca = tls_material().ca});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "unknown");

    const auto strange = ask(server, {});
    ASSERT_FALSE(strange);
    EXPECT_EQ(strange.error().code, Error::Code::unavailable) << strange.error().message;
    EXPECT_TRUE(ask(server, {.verify = false}));
}

TEST(Client, the_certificate_has_to_be_of_the_host_that_was_named) {
    const TlsServer server(false);
    const auto answer = ask(server, {.ca = tls_material().ca}, "127.0.0.1");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Error::Code::unavailable) << answer.error().message;
}

TEST(Client, shows_its_own_certificate) {
    const TlsServer server(true);
    const auto& tls = tls_material();
    const auto answer = ask(server, {.ca = tls.ca, .certificate = tls.client_certificate, .key = tls.client_key});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "known");
    EXPECT_FALSE(ask(server, {.ca = tls.ca}));
}

TEST(Client, options_that_make_no_sense_are_refused_at_once) {
    const auto& tls = tls_material();
    for (const ClientOptions& wrong : {
             ClientOptions{"ftp://host"},
             ClientOptions{"not an address"},
             ClientOptions{""},
             ClientOptions{"https://host", {.ca = "no PEM"}},
             ClientOptions{"https://host", {.certificate = tls.client_certificate, .key = "no PEM"}},
         }) {
        const auto client = Client::create(wrong);
        ASSERT_FALSE(client) << wrong.base;
        EXPECT_EQ(client.error().code, Error::Code::invalid) << client.error().message;
    }
    const auto mixed = Client::create({"https://host", {.certificate = tls.client_certificate, .key = tls.server_key}});
    EXPECT_FALSE(mixed);
}

}  // namespace
}  // namespace drover::http::test
