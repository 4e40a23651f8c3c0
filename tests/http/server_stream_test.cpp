#include "tests/http/server_fixture.h"

#include <future>
#include <memory>

namespace drover::http::test {
namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class ServerStreamTest : public ServerTest {
protected:
    void TearDown() override {
        on_owner([&] { stream_.reset(); });
        ServerTest::TearDown();
    }

    void start_streaming() {
        start([&](Request, Server::Reply reply) {
            reply({200, {{"content-type", "text/event-stream"}}, "", [&](std::unique_ptr<BodyStream> stream) {
                       stream_ = std::move(stream);
                       stream_->when_gone([&] { gone_.set_value(); });
                       begun_.set_value();
                   }});
        });
    }
    bool write(std::string piece) {
        bool taken = false;
        on_owner([&] { taken = stream_->write(std::move(piece)); });
        return taken;
    }

    std::promise<void> begun_, gone_;
    std::unique_ptr<BodyStream> stream_;
};

TEST_F(ServerStreamTest, brings_pieces_as_they_are_written_C2) {
    start_streaming();
    RawSocket socket = connect();
    socket.write(get);
    begun_.get_future().wait();
    EXPECT_TRUE(write("data: 1\n\n"));
    EXPECT_TRUE(socket.read_through("data: 1\n\n")
                    .ends_with("content-type: text/event-stream\r\nconnection: close\r\n\r\ndata: 1\n\n"));
    EXPECT_TRUE(write("data: 2\n\n"));
    EXPECT_EQ(socket.read_through("\n\n"), "data: 2\n\n");
    EXPECT_TRUE(write("end"));
    on_owner([&] { stream_.reset(); });
    EXPECT_EQ(socket.read_to_end(), "end");
}

TEST_F(ServerStreamTest, says_when_its_reader_has_gone_C2) {
    start_streaming();
    {
        RawSocket socket = connect();
        socket.write(get);
        begun_.get_future().wait();
    }
    gone_.get_future().wait();
    EXPECT_FALSE(write("x"));
}

TEST_F(ServerStreamTest, gives_up_a_reader_that_does_not_read_C14) {
    start_streaming();
    RawSocket socket = connect();
    socket.write(get);
    begun_.get_future().wait();
    const std::string piece(256 * 1024, 'x');
    int taken = 0;
    while (write(piece)) ASSERT_LT(++taken, 1000);  // what the sockets hold, and 1 MiB
    gone_.get_future().wait();
}

TEST_F(ServerStreamTest, a_server_that_stops_ends_it) {
    start_streaming();
    RawSocket socket = connect();
    socket.write(get);
    begun_.get_future().wait();
    std::promise<void> stopped;
    on_owner([&] { server_->stop([&] { stopped.set_value(); }); });
    stopped.get_future().wait();
    gone_.get_future().wait();
    EXPECT_FALSE(write("x"));
}

TEST_F(ServerStreamTest, head_gets_no_stream) {
    start_streaming();
    RawSocket socket = connect();
    socket.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(socket.read_to_end().ends_with("\r\n\r\n"));
    begun_.set_value();  // nobody else does
}

}  // namespace
}  // namespace drover::http::test
