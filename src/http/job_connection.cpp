#include "src/http/job_connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace drover::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

}  // namespace

JobConnection::JobConnection(JobExecutor executor, const asio::ip::tcp::endpoint& endpoint, const AnswerLimits& limits,
                             Owner& owner)
    : owner_(&owner), endpoint_(endpoint), socket_(executor), parser_(limits) {}

void JobConnection::begin(JobClient::Token token, std::string_view body) {
    token_ = token;
    body_ = body;
    answered_ = false;
    write_error_ = {};
    if (socket_.is_open()) {
        kept_ = true;
        state_ = State::exchanging;
        write_request();
        return;
    }
    state_ = State::connecting;
    dial_ = Dial::start(socket_.get_executor(), endpoint_,
                        [self = shared_from_this()](JobSocket socket, const std::string& problem) {
                            self->dial_.reset();
                            self->socket_ = std::move(socket);
                            if (!problem.empty()) return self->end(Answer::Kind::refused, problem, false);
                            self->state_ = State::exchanging;
                            self->write_request();
                        });
}

void JobConnection::abort() {
    if (in_exchange()) end_later(Answer::Kind::aborted, "aborted");
}

void JobConnection::close() {
    owner_ = nullptr;
    state_ = State::closed;
    shut();
}

bool JobConnection::is_quiet() {
    char byte;
    const auto result = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// Nearly every request fits into the socket's buffer, so it is written on the spot.
void JobConnection::write_request() {
    error_code ec;
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head_), asio::buffer(body_.data(), body_.size())};
    const std::size_t written = socket_.write_some(buffers, ec);
    if (ec && ec != asio::error::would_block) {
        write_error_ = ec;  // the app may have answered before it closed: reading tells
    } else if (written < head_.size() + body_.size()) {
        write_rest(written);
    }
    read_answer();
}

void JobConnection::write_rest(std::size_t written) {
    writing_ = true;
    const std::string_view head(head_);
    const auto head_left = head.substr(std::min(written, head.size()));
    const auto body_left = body_.substr(written - (head.size() - head_left.size()));
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head_left.data(), head_left.size()),
                                                       asio::buffer(body_left.data(), body_left.size())};
    asio::async_write(socket_, buffers, [self = shared_from_this()](error_code ec, std::size_t) {
        self->writing_ = false;
        self->write_error_ = ec;
    });
}

void JobConnection::read_answer() {
    // A read that does not fill its buffer tells Asio to wait for an event before it tries again: one call an answer.
    socket_.async_read_some(parser_.prepare(), [self = shared_from_this()](const error_code& ec, std::size_t size) {
        self->on_read(ec, size);
    });
}

void JobConnection::on_read(const error_code& ec, std::size_t size) {
    if (state_ != State::exchanging) return;
    if (ec) return on_end_of_stream(ec);
    if (!answered_) {
        answered_ = true;
        parser_.reset();
    }
    switch (parser_.commit(size)) {
        case AnswerParser::State::more: return read_answer();
        case AnswerParser::State::complete:
            return end(Answer::Kind::response, {}, parser_.reusable() && !writing_ && !write_error_);
        case AnswerParser::State::malformed: return end(Answer::Kind::malformed, parser_.problem(), false);
        case AnswerParser::State::too_large: return end(Answer::Kind::too_large, parser_.problem(), false);
    }
}

void JobConnection::on_end_of_stream(const error_code& ec) {
    if (!answered_) {
        // Only a connection that was kept can have been closed without regard to this request; a fresh one that
        // breaks broke on it.
        if (kept_ && (write_error_ || was_reset_after_end())) {
            state_ = State::ending;
            return owner_->not_taken(*this);
        }
        const error_code& cause = write_error_ && ec == asio::error::eof ? write_error_ : ec;
        return end(Answer::Kind::cut,
                   cause == asio::error::eof ? "the app closed the connection without an answer" : cause.message(),
                   false);
    }
    if (ec == asio::error::eof) {
        switch (parser_.end_of_stream()) {
            case AnswerParser::State::complete: return end(Answer::Kind::response, {}, false);
            case AnswerParser::State::malformed: return end(Answer::Kind::malformed, parser_.problem(), false);
            case AnswerParser::State::too_large: return end(Answer::Kind::too_large, parser_.problem(), false);
            case AnswerParser::State::more: break;
        }
        return end(Answer::Kind::cut, "the app closed the connection in the middle of its answer", false);
    }
    end(Answer::Kind::cut, ec.message() + " in the middle of the answer", false);
}

// Linux keeps EPIPE, not ECONNRESET, where a reset met a connection whose end had come before: our bytes reached a
// socket that the app had closed, so it has not read them all.
bool JobConnection::was_reset_after_end() const {
    int error = 0;
    socklen_t length = sizeof error;
    auto& socket = const_cast<JobSocket&>(socket_);
    return ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == EPIPE;
}

void JobConnection::end(Answer::Kind kind, std::string detail, bool reusable) {
    state_ = State::idle;
    if (!reusable) shut();
    Answer answer;
    answer.kind = kind;
    answer.detail = std::move(detail);
    if (answered_) {
        const AnswerFields& fields = parser_.fields();
        answer.status = parser_.status();
        answer.retry_after = fields.retry_after;
        answer.outcome = fields.outcome;
        answer.error = fields.error;
        answer.content_type = fields.content_type;
        answer.body = fields.body;
    }
    owner_->ended(*this, answer, reusable);
}

void JobConnection::end_later(Answer::Kind kind, const std::string& detail) {
    state_ = State::ending;
    shut();
    asio::post(socket_.get_executor(), [self = shared_from_this(), kind, detail] {
        if (self->state_ == State::ending) self->end(kind, detail, false);
    });
}

void JobConnection::shut() {
    if (dial_) dial_->cancel();
    dial_.reset();
    error_code ignored;  // closing is all there is to do, and what it reports changes nothing
    socket_.close(ignored);
}

}  // namespace drover::http
