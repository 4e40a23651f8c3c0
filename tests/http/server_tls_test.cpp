#include "tests/http/server_fixture.h"

#include "src/http/client.h"
#include "tests/http/tls_material.h"

namespace drover::http::test {
namespace {

class ServerTlsTest : public ServerTest {
protected:
    ServerTlsTest() { options_.tls = ServerTls{tls_material().server_certificate, tls_material().server_key}; }

    Result<ClientResponse> ask(const std::string& body) {
        auto client = Client::create(
            {.base = "https://localhost:" + std::to_string(server_->port()), .tls = {.ca = tls_material().ca}});
        EXPECT_TRUE(client);
        return (*client)->send({.method = "POST", .target = "/a", .headers = {}, .body = body});
    }
};

TEST_F(ServerTlsTest, serves_requests_of_any_size_C14) {
    start_echo();
    for (const std::size_t size : {0, 10, 500'000}) {
        const auto answer = ask(std::string(size, 'x'));
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_EQ(answer->status, 200);
        EXPECT_EQ(answer->body, "POST /a " + std::string(size, 'x'));
    }
}

TEST_F(ServerTlsTest, one_that_speaks_plainly_or_not_at_all_harms_nobody_C14) {
    start_echo();
    RawSocket silent = connect();
    RawSocket plain = connect();
    plain.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(plain.read_to_end().find("HTTP"), std::string::npos);
    EXPECT_TRUE(ask("x"));
}

TEST_F(ServerTlsTest, a_handshake_has_a_limit_C14) {
    options_.read_timeout = std::chrono::milliseconds(50);
    start_echo();
    RawSocket silent = connect();
    EXPECT_EQ(silent.read_to_end(), "");
}

TEST_F(ServerTlsTest, a_certificate_is_exchanged_while_it_serves_and_a_bad_one_is_not_C14) {
    start_echo();
    on_owner([&] {
        EXPECT_FALSE(server_->set_tls({"no certificate", tls_material().server_key}));
        EXPECT_FALSE(server_->set_tls({tls_material().server_certificate, tls_material().client_key}));
    });
    EXPECT_TRUE(ask("x"));
    // A client's certificate is not for this name: who gets it refuses it.
    on_owner([&] { EXPECT_TRUE(server_->set_tls({tls_material().client_certificate, tls_material().client_key})); });
    EXPECT_FALSE(ask("x"));
}

TEST_F(ServerTlsTest, does_not_begin_with_a_certificate_that_is_no_good_C14) {
    options_.tls->key = "no key";
    boost::asio::io_context io;
    EXPECT_FALSE(Server::listen(io.get_executor(), options_, nullptr));
}

}  // namespace
}  // namespace drover::http::test
