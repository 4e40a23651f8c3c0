// Runs a Server on a thread of its own; the test is its client, on raw sockets.
#pragma once

#include "src/http/server.h"

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "tests/http/raw_socket.h"

namespace drover::http::test {

class ServerTest : public ::testing::Test {
protected:
    ~ServerTest() override {
        on_owner([this] { server_.reset(); });
        guard_.reset();
        io_.stop();
    }

    void start(Server::Handler handler) {
        on_owner([&] {
            auto server = Server::listen(io_.get_executor(), options_, std::move(handler));
            ASSERT_TRUE(server) << server.error().message;
            server_ = std::move(*server);
        });
    }
    // Answers with what was asked.
    void start_echo() {
        start([](Request request, Server::Reply reply) {
            reply({200, {{"content-type", "text/plain"}}, request.method + " " + request.path + " " + request.body});
        });
    }

    template <class Task>
    void on_owner(Task task) {
        std::promise<void> done;
        boost::asio::post(io_, [&] {
            task();
            done.set_value();
        });
        done.get_future().wait();
    }

    RawSocket connect() { return RawSocket::connect(server_->port()); }
    std::string ask(std::string_view request) {
        RawSocket socket = connect();
        socket.write(request);
        return socket.read_message();
    }

    static int status_of(const std::string& message) {
        return message.starts_with("HTTP/1.1 ") ? std::stoi(message.substr(9, 3)) : 0;
    }
    static std::string body_of(const std::string& message) {
        const auto at = message.find("\r\n\r\n");
        return at == std::string::npos ? "" : message.substr(at + 4);
    }

    ServerOptions options_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{io_.get_executor()};
    std::unique_ptr<Server> server_;
    std::jthread thread_{[this] { io_.run(); }};
};

}  // namespace drover::http::test
