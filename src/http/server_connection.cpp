#include "src/http/server_connection.h"

#include <algorithm>
#include <array>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>

#include "src/http/feed.h"
#include "src/http/job_client.h"
#include "src/http/request_target.h"

namespace drover::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using beast::http::field;
using boost::system::error_code;

constexpr std::size_t read_bytes = 8 * 1024;
constexpr std::size_t free_bytes = 16 * 1024;  // of each request
// How long, and for how many bytes, a client that was refused may go on sending before it must have read why.
constexpr std::chrono::milliseconds linger_limit{1000};
constexpr std::size_t linger_bytes = 4 * 1024 * 1024;
// How far the reader of a stream may be behind.
constexpr std::size_t most_unsent_bytes = 1024 * 1024;

std::string lower_case(beast::string_view text) {
    std::string lower(text.data(), text.size());
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

bool has_no_body(int status) { return status == 204 || status == 304; }

std::string format_head(const Response& response, bool keep_alive) {
    const auto reason = beast::http::obsolete_reason(static_cast<beast::http::status>(response.status));
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
    head.append(reason.data(), reason.size()).append("\r\n");
    for (const auto& header : response.headers) {
        head.append(header.name).append(": ").append(header.value).append("\r\n");
    }
    if (!has_no_body(response.status) && !response.stream) {
        head += "content-length: " + std::to_string(response.body.size()) + "\r\n";
    }
    head += keep_alive ? "connection: keep-alive\r\n\r\n" : "connection: close\r\n\r\n";
    return head;
}

// What a handler may not answer becomes a 500 that says so.
Response checked(Response response) {
    if (response.status < 200 || response.status > 599) {
        return problem(500, "Internal Server Error",
                       "the handler answered with status " + std::to_string(response.status));
    }
    for (const auto& header : response.headers) {
        if (!is_valid_field({header.name, header.value})) {
            return problem(500, "Internal Server Error", "the handler answered with an invalid header, " + header.name);
        }
    }
    return response;
}

}  // namespace

// What all copies of a Reply share.
class ServerConnection::ReplyOnce {
public:
    ReplyOnce(std::weak_ptr<ServerConnection> connection, bool keep_alive)
        : connection_(std::move(connection)), keep_alive_(keep_alive) {}
    ~ReplyOnce() {
        if (connection_.expired()) return;  // as it is after an answer: most are spared the making of a problem
        send(problem(500, "Internal Server Error", "the request was dropped without an answer"));
    }
    ReplyOnce(const ReplyOnce&) = delete;
    ReplyOnce& operator=(const ReplyOnce&) = delete;

    void send(Response response) {
        if (const auto connection = std::exchange(connection_, {}).lock()) {
            connection->respond(std::move(response), keep_alive_);
        }
    }
    void watch(std::function<void()> gone) {
        if (const auto connection = connection_.lock()) connection->watch(std::move(gone));
    }

private:
    std::weak_ptr<ServerConnection> connection_;
    bool keep_alive_;
};

// What a handler holds of a body that is being streamed.
class ServerConnection::Stream final : public BodyStream {
public:
    explicit Stream(std::weak_ptr<ServerConnection> connection) : connection_(std::move(connection)) {}
    ~Stream() override {
        if (const auto connection = connection_.lock()) connection->end_stream();
    }
    bool write(std::string piece) override {
        const auto connection = connection_.lock();
        return connection && connection->write_piece(std::move(piece));
    }
    void when_gone(std::function<void()> gone) override {
        const auto connection = connection_.lock();
        if (!connection || connection->state_ != State::streaming) return gone();
        connection->gone_ = std::move(gone);
        connection->await_sign();
    }

private:
    std::weak_ptr<ServerConnection> connection_;
};

ServerConnection::ServerConnection(Transport transport, const ServerOptions& options, Owner& owner)
    : transport_(std::move(transport)), timer_(transport_.get_executor()), options_(options), owner_(&owner) {}

void ServerConnection::start() {
    error_code ec;
    transport_.socket().set_option(asio::ip::tcp::no_delay(true), ec);
    if (!ec) transport_.socket().non_blocking(true, ec);
    if (ec) return end();  // it has gone again already
    if (!transport_.is_tls()) return await_request();
    expire_after(options_.read_timeout);
    transport_.async_handshake([self = shared_from_this()](const error_code& failed) {
        if (self->state_ != State::handshake) return;
        if (failed) return self->end();
        self->await_request();
    });
}

void ServerConnection::finish() {
    finishing_ = true;
    if (state_ == State::handshake || state_ == State::waiting || state_ == State::reading) end();
    if (state_ == State::streaming) lose_stream();
}

bool ServerConnection::hold(std::size_t bytes) {
    const std::size_t now = bytes > free_bytes ? bytes : 0;
    if (owner_ == nullptr || !owner_->hold(held_bytes_, now)) return false;
    held_bytes_ = now;
    return true;
}

void ServerConnection::close() {
    hold(0);
    owner_ = nullptr;
    state_ = State::closed;
    gone_ = nullptr;
    timer_.cancel();
    error_code ignored;  // closing is all there is to do, and what it reports changes nothing
    transport_.socket().close(ignored);
}

void ServerConnection::end() {
    Owner* owner = owner_;
    close();
    if (owner != nullptr) owner->gone(*this);
}

void ServerConnection::await_request() {
    hold(0);
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(options_.max_head_bytes));
    head_bytes_ = 0;
    head_seen_ = false;
    if (buffer_.size() > 0) {
        begin_request();
        take_bytes();
    } else {
        state_ = State::waiting;
        expire_after(options_.idle_timeout);
        read();
    }
}

void ServerConnection::begin_request() {
    state_ = State::reading;
    parser_->body_limit(options_.max_body_bytes);
    expire_after(options_.read_timeout);
}

void ServerConnection::read() {
    transport_.async_read_some(
        buffer_.prepare(read_bytes),
        [self = shared_from_this()](const error_code& ec, std::size_t size) { self->on_read(ec, size); });
}

void ServerConnection::on_read(const error_code& ec, std::size_t size) {
    if (state_ == State::lingering) {
        lingered_bytes_ += size;
        if (ec || lingered_bytes_ > linger_bytes) return end();
        return read();  // into the same room: nothing is committed
    }
    if (state_ != State::waiting && state_ != State::reading) return;
    if (ec) return end();
    buffer_.commit(size);
    if (state_ == State::waiting) begin_request();
    take_bytes();
}

void ServerConnection::take_bytes() {
    while (state_ == State::reading) {
        error_code ec;
        const Fed fed = feed(*parser_, buffer_, head_bytes_, options_.max_head_bytes, ec);
        if (!head_seen_ && parser_->is_header_done() && (fed == Fed::more || fed == Fed::head || fed == Fed::done)) {
            head_seen_ = true;
            on_head();
            if (state_ != State::reading || says_go_on_) return;
        }
        if (!hold(parser_->get().body().size() + buffer_.size())) {
            return refuse(503, "Service Unavailable", "there are too many large requests at once: try it again");
        }
        switch (fed) {
            case Fed::more: return read();
            case Fed::head: break;
            case Fed::done: return on_request();
            case Fed::head_too_large:
            case Fed::chunk_too_large:
                return refuse(431, "Request Header Fields Too Large",
                              "the limit is " + std::to_string(options_.max_head_bytes) + " bytes");
            case Fed::failed:
                if (ec == beast::http::error::body_limit) {
                    return refuse(413, "Content Too Large",
                                  "the limit is " + std::to_string(options_.max_body_bytes) + " bytes");
                }
                return refuse(400, "Bad Request", ec.message());
        }
    }
}

void ServerConnection::on_head() {
    const auto& message = parser_->get();
    // Beast takes a body of another coding for no body at all, and what follows for a request.
    if (message.count(field::transfer_encoding) > 0 && !(parser_->chunked() && message.version() >= 11)) {
        return refuse(501, "Not Implemented", "of the transfer codings only chunked is understood, with HTTP/1.1");
    }
    const auto hosts = message.count(field::host);
    if (hosts > 1 || (hosts == 0 && message.version() >= 11)) {
        return refuse(400, "Bad Request", "one Host header is needed");
    }
    if (message.version() >= 11 && buffer_.size() == 0 && !parser_->is_done() &&
        beast::iequals(message[field::expect], "100-continue")) {
        say_go_on();
    }
}

// Nothing else is written, nor the body read, before that is out.
void ServerConnection::say_go_on() {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    says_go_on_ = true;
    asio::async_write(transport_, asio::buffer(go_on.data(), go_on.size()),
                      [self = shared_from_this()](const error_code& ec, std::size_t) {
                          self->says_go_on_ = false;
                          if (self->state_ != State::reading) return;
                          if (ec) return self->end();
                          self->take_bytes();
                      });
}

void ServerConnection::on_request() {
    auto& message = parser_->get();
    auto target = parse_request_target({message.target().data(), message.target().size()});
    if (!target) return refuse(400, "Bad Request", "the request's target is not a valid path");

    Request request;
    request.method = std::string(message.method_string());
    request.path = std::move(target->path);
    request.raw_path = std::move(target->raw_path);
    request.query = std::move(target->query);
    for (const auto& header : message) {
        request.headers.push_back({lower_case(header.name_string()), std::string(header.value())});
    }
    request.body = std::move(message.body());

    is_head_request_ = request.method == "HEAD";
    state_ = State::handling;
    deadline_.reset();
    auto once = std::make_shared<ReplyOnce>(weak_from_this(), parser_->keep_alive());
    request.when_gone = [weak = std::weak_ptr(once)](std::function<void()> gone) {
        if (const auto unanswered = weak.lock()) unanswered->watch(std::move(gone));
    };
    owner_->handle(std::move(request), [once](Response response) { once->send(std::move(response)); });
}

// Nothing is read until the request is answered: what comes stays where it is.
void ServerConnection::watch(std::function<void()> gone) {
    if (state_ != State::handling) return;
    gone_ = std::move(gone);
    await_sign();
}

void ServerConnection::await_sign() {
    if (std::exchange(awaits_sign_, true)) return;
    transport_.socket().async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this()](const error_code&) {
        self->awaits_sign_ = false;
        self->on_sign();
    });
}

void ServerConnection::on_sign() {
    if ((state_ != State::handling && state_ != State::streaming) || !gone_) return;
    char next = 0;
    error_code ec;
    transport_.socket().receive(asio::buffer(&next, 1), asio::ip::tcp::socket::message_peek, ec);
    if (!ec) return;  // a further request, and what follows it cannot be seen
    if (ec == asio::error::would_block) return await_sign();
    if (state_ == State::streaming) return lose_stream();
    std::exchange(gone_, nullptr)();
}

void ServerConnection::refuse(int status, std::string_view title, std::string_view detail) {
    parser_.reset();
    hold(0);
    is_head_request_ = false;
    state_ = State::handling;
    respond(problem(status, title, detail), false);
}

void ServerConnection::respond(Response response, bool keep_alive) {
    if (state_ != State::handling) return;
    state_ = State::writing;
    gone_ = nullptr;
    keep_alive = keep_alive && !finishing_ && !response.stream;
    response_ = checked(std::move(response));
    response_head_ = format_head(response_, keep_alive);
    const bool has_body = !is_head_request_ && !has_no_body(response_.status);
    const std::array<asio::const_buffer, 2> buffers = {
        asio::buffer(response_head_), asio::buffer(response_.body.data(), has_body ? response_.body.size() : 0)};
    expire_after(options_.read_timeout);
    asio::async_write(transport_, buffers, [self = shared_from_this(), keep_alive](const error_code& ec, std::size_t) {
        self->on_written(ec, keep_alive);
    });
}

void ServerConnection::on_written(const error_code& ec, bool keep_alive) {
    if (state_ != State::writing) return;
    if (!ec && response_.stream && !is_head_request_ && !finishing_) return begin_stream();
    response_ = {};
    if (ec) return end();
    if (keep_alive && !finishing_) return await_request();
    linger();
}

void ServerConnection::begin_stream() {
    state_ = State::streaming;
    hold(0);
    deadline_.reset();
    const auto stream = std::exchange(response_, {}).stream;
    stream(std::make_unique<Stream>(weak_from_this()));
}

bool ServerConnection::write_piece(std::string piece) {
    if (state_ != State::streaming || stream_ended_) return false;
    if (unsent_.size() + piece.size() > most_unsent_bytes) {
        lose_stream();
        return false;
    }
    unsent_ += piece;
    if (sending_.empty()) write_pieces();
    return true;
}

void ServerConnection::write_pieces() {
    sending_ = std::exchange(unsent_, {});
    expire_after(options_.read_timeout);
    asio::async_write(transport_, asio::buffer(sending_),
                      [self = shared_from_this()](const error_code& ec, std::size_t) {
                          if (self->state_ != State::streaming) return;
                          self->sending_.clear();
                          self->deadline_.reset();
                          if (ec) return self->lose_stream();
                          if (!self->unsent_.empty()) return self->write_pieces();
                          if (self->stream_ended_) self->linger();
                      });
}

void ServerConnection::end_stream() {
    if (state_ != State::streaming || std::exchange(stream_ended_, true)) return;
    gone_ = nullptr;
    if (sending_.empty()) linger();
}

void ServerConnection::lose_stream() {
    const auto gone = std::exchange(gone_, nullptr);
    end();
    if (gone) gone();
}

// Closing with bytes unread would reset the connection, and the client might never see the answer.
void ServerConnection::linger() {
    state_ = State::lingering;
    expire_after(linger_limit);
    if (transport_.is_tls()) {
        return transport_.async_shutdown([self = shared_from_this()](const error_code&) {
            if (self->state_ == State::lingering) self->end();
        });
    }
    error_code ec;
    transport_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
    if (ec) return end();
    read();
}

// A timer set anew for each of these costs more than all the rest of a request's bookkeeping. So it is left as it is
// where it ends sooner, and looks then how long there is left.
void ServerConnection::expire_after(std::chrono::milliseconds limit) {
    deadline_ = std::chrono::steady_clock::now() + limit;
    if (!awaits_deadline_ || timer_.expiry() > *deadline_) await_deadline();
}

void ServerConnection::await_deadline() {
    awaits_deadline_ = true;
    timer_.expires_at(*deadline_);
    timer_.async_wait([self = shared_from_this()](const error_code& ec) {
        const auto now = std::chrono::steady_clock::now();
        // One that was due already when it was set anew cannot be cancelled any more.
        if (ec || self->timer_.expiry() > now) return;
        self->awaits_deadline_ = false;
        if (!self->deadline_) return;
        if (*self->deadline_ > now) return self->await_deadline();
        self->on_expired();
    });
}

void ServerConnection::on_expired() {
    switch (state_) {
        case State::reading: return refuse(408, "Request Timeout", "the request did not come in time");
        case State::handshake:
        case State::waiting:
        case State::writing:
        case State::lingering: return end();
        case State::streaming: return lose_stream();
        case State::handling:
        case State::closed: return;
    }
}

}  // namespace drover::http
