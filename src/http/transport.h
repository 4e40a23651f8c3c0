// A connection's bytes, plain or in TLS. Room: http. Owner thread: that of the executor.
//
// What Asio's algorithms ask of a stream, so that async_write() takes it.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace drover::http {

class Transport {
public:
    using Socket = boost::asio::ip::tcp::socket;
    using Context = boost::asio::ssl::context;
    using executor_type = Socket::executor_type;

    // `context` null: plain. It is kept for as long as the connection lives.
    Transport(Socket socket, std::shared_ptr<Context> context)
        : context_(std::move(context)), plain_(std::make_unique<Socket>(std::move(socket))) {
        if (context_) tls_ = std::make_unique<Tls>(*plain_, *context_);
    }

    bool is_tls() const { return tls_ != nullptr; }
    executor_type get_executor() { return plain_->get_executor(); }
    Socket& socket() { return *plain_; }

    template <class Handler>
    void async_handshake(Handler handler) {
        tls_->async_handshake(boost::asio::ssl::stream_base::server, std::move(handler));
    }
    // Says that nothing more comes, and waits for the same from the other side. Only of TLS.
    template <class Handler>
    void async_shutdown(Handler handler) {
        tls_->async_shutdown(std::move(handler));
    }
    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler&& handler) {
        if (tls_)
            tls_->async_read_some(buffers, std::forward<Handler>(handler));
        else
            plain_->async_read_some(buffers, std::forward<Handler>(handler));
    }
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler) {
        if (tls_)
            tls_->async_write_some(buffers, std::forward<Handler>(handler));
        else
            plain_->async_write_some(buffers, std::forward<Handler>(handler));
    }

private:
    using Tls = boost::asio::ssl::stream<Socket&>;

    std::shared_ptr<Context> context_;
    std::unique_ptr<Socket> plain_;  // which tls_ refers to
    std::unique_ptr<Tls> tls_;
};

}  // namespace drover::http
