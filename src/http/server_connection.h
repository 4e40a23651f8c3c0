// One client of a Server: its requests one after the other. Room: http.
//
//   handshake (TLS) → waiting
//   waiting → reading → handling → writing → waiting …
//                                  writing → streaming → lingering → closed
//      any of them, on an error → writing the problem → lingering → closed
//
// Owner thread: that of the executor. Lives as long as its owner or its last pending operation.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "src/http/server.h"
#include "src/http/transport.h"

namespace drover::http {

class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
public:
    class Owner {
    public:
        virtual void handle(Request request, Server::Reply reply) = 0;
        // A request takes `now` bytes instead of `before`. False: that is too much, and stays as it was.
        virtual bool hold(std::size_t before, std::size_t now) = 0;
        // The connection has closed itself. It does nothing more.
        virtual void gone(ServerConnection& connection) = 0;

    protected:
        ~Owner() = default;
    };

    ServerConnection(Transport transport, const ServerOptions& options, Owner& owner);

    void start();
    // Ends after the answer that is under way; at once when there is none.
    void finish();
    // Ends now. The owner is not told.
    void close();

private:
    enum class State { handshake, waiting, reading, handling, writing, streaming, lingering, closed };
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    class ReplyOnce;
    class Stream;

    void await_request();
    void begin_request();
    void read();
    void on_read(const boost::system::error_code& ec, std::size_t size);
    void take_bytes();
    void on_head();
    bool hold(std::size_t bytes);
    void say_go_on();
    void on_request();
    void respond(Response response, bool keep_alive);
    void watch(std::function<void()> gone);
    void await_sign();
    void on_sign();
    void refuse(int status, std::string_view title, std::string_view detail);
    void on_written(const boost::system::error_code& ec, bool keep_alive);
    void begin_stream();
    bool write_piece(std::string piece);
    void write_pieces();
    void end_stream();
    void lose_stream();
    void linger();
    void expire_after(std::chrono::milliseconds limit);
    void await_deadline();
    void on_expired();
    void end();

    Transport transport_;
    boost::asio::steady_timer timer_;
    std::optional<std::chrono::steady_clock::time_point> deadline_;  // of what is under way
    bool awaits_deadline_ = false;                                   // or some time before it
    const ServerOptions& options_;
    Owner* owner_;
    State state_ = State::handshake;
    bool finishing_ = false;
    bool says_go_on_ = false;  // the 100 Continue is on its way

    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::size_t head_bytes_ = 0;
    std::size_t held_bytes_ = 0;  // of which the owner knows
    bool head_seen_ = false;
    bool is_head_request_ = false;
    std::function<void()> gone_;  // of the handler that watches its client
    bool awaits_sign_ = false;
    std::size_t lingered_bytes_ = 0;

    std::string response_head_;
    Response response_;

    std::string unsent_, sending_;  // of a stream
    bool stream_ended_ = false;
};

}  // namespace drover::http
