#include "src/http/local_get.h"

#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

namespace drover::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

class LocalGet : public std::enable_shared_from_this<LocalGet> {
public:
    LocalGet(asio::io_context& io, const std::string& target, std::function<void(Result<std::string>)> done)
        : stream_(io), request_(beast::http::verb::get, target, 11), done_(std::move(done)) {
        request_.set(beast::http::field::host, "127.0.0.1");
        request_.set(beast::http::field::connection, "close");
    }

    void start(std::uint16_t port, std::chrono::milliseconds deadline) {
        stream_.expires_after(deadline);
        stream_.async_connect(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port),
                              [self = shared_from_this()](error_code error) {
                                  if (error) return self->fail(error);
                                  self->send();
                              });
    }

private:
    void send() {
        beast::http::async_write(stream_, request_, [self = shared_from_this()](error_code error, std::size_t) {
            if (error) return self->fail(error);
            self->receive();
        });
    }

    void receive() {
        beast::http::async_read(
            stream_, buffer_, response_, [self = shared_from_this()](error_code error, std::size_t) {
                if (error) return self->fail(error);
                if (self->response_.result_int() == 200) return self->done_(std::move(self->response_.body()));
                self->done_(failure(Error::Code::unavailable, "answered " +
                                                                  std::to_string(self->response_.result_int()) + ": " +
                                                                  self->response_.body().substr(0, 200)));
            });
    }

    void fail(error_code error) {
        const bool late = error == beast::error::timeout;
        done_(failure(late ? Error::Code::timeout : Error::Code::unavailable,
                      late ? "no answer in time" : error.message(), true));
    }

    beast::tcp_stream stream_;
    beast::http::request<beast::http::empty_body> request_;
    beast::flat_buffer buffer_{1024 * 1024 + 64 * 1024};
    beast::http::response<beast::http::string_body> response_;
    std::function<void(Result<std::string>)> done_;
};

}  // namespace

void local_get(asio::io_context& io, std::uint16_t port, const std::string& target, std::chrono::milliseconds deadline,
               std::function<void(Result<std::string>)> done) {
    std::make_shared<LocalGet>(io, target, std::move(done))->start(port, deadline);
}

}  // namespace drover::http
