#include "src/http/answer_parser.h"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

#include "src/http/feed.h"

namespace drover::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;

constexpr std::size_t read_bytes = 16 * 1024;
constexpr std::size_t kept_body_bytes = 64 * 1024;

void keep_first(std::string& kept, beast::string_view value) {
    if (kept.empty()) kept.assign(value.data(), value.size());
}

void clear_keeping_memory(std::string& text) {
    if (text.capacity() > kept_body_bytes) {
        text = std::string();
    } else {
        text.clear();
    }
}

}  // namespace

void AnswerFields::clear() {
    for (std::string* text : {&retry_after, &outcome, &error, &content_type, &keep_alive, &body}) {
        clear_keeping_memory(*text);
    }
}

AnswerParser::Parser::Parser(AnswerFields& fields, const AnswerLimits& limits) : fields_(fields) {
    body_limit(limits.body_bytes);
    header_limit(static_cast<std::uint32_t>(limits.head_bytes));
}

void AnswerParser::Parser::on_response_impl(int status, string_view, int, error_code& ec) {
    status_ = status;
    if (status < 100) ec = beast::http::error::bad_status;
}

void AnswerParser::Parser::on_field_impl(field name, string_view name_string, string_view value, error_code&) {
    if (!in_head_) return;  // a trailer decides nothing
    switch (name) {
        case field::retry_after: keep_first(fields_.retry_after, value); break;
        case field::content_type: keep_first(fields_.content_type, value); break;
        case field::keep_alive: keep_first(fields_.keep_alive, value); break;
        case field::content_length: has_length_ = has_length_ || value != "0"; break;
        case field::transfer_encoding: has_length_ = true; break;
        case field::unknown:
            if (beast::iequals(name_string, "drover-outcome")) keep_first(fields_.outcome, value);
            if (beast::iequals(name_string, "drover-error")) keep_first(fields_.error, value);
            break;
        default: break;
    }
}

// The length is what the app says, not what it sends: no memory for it before it comes.
void AnswerParser::Parser::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
    if (length) fields_.body.reserve(std::min<std::uint64_t>(*length, kept_body_bytes));
}

std::size_t AnswerParser::Parser::on_body_impl(string_view body, error_code&) {
    fields_.body.append(body.data(), body.size());
    return body.size();
}

std::size_t AnswerParser::Parser::on_chunk_body_impl(std::uint64_t, string_view body, error_code&) {
    fields_.body.append(body.data(), body.size());
    return body.size();
}

AnswerParser::AnswerParser(const AnswerLimits& limits) : limits_(limits) { reset(); }

void AnswerParser::reset() {
    fields_.clear();
    parser_.emplace(fields_, limits_);
    head_bytes_ = 0;
    status_ = 0;
    problem_.clear();
}

boost::asio::mutable_buffer AnswerParser::prepare() { return buffer_.prepare(read_bytes); }

AnswerParser::State AnswerParser::commit(std::size_t size) {
    buffer_.commit(size);
    for (;;) {
        beast::error_code ec;
        const Fed fed = feed(*parser_, buffer_, head_bytes_, limits_.head_bytes, ec);
        if (parser_->is_header_done()) status_ = parser_->status();
        switch (fed) {
            case Fed::more: return State::more;
            case Fed::head: break;
            case Fed::head_too_large: return too_large("head", limits_.head_bytes);
            case Fed::chunk_too_large: return too_large("chunk header or trailer", limits_.head_bytes);
            case Fed::failed: return fail(ec);
            case Fed::done: {
                const bool informational = status_ / 100 == 1 && status_ != 101;
                if (!informational) return State::complete;
                fields_.clear();
                parser_.emplace(fields_, limits_);
            }
        }
    }
}

AnswerParser::State AnswerParser::end_of_stream() {
    if (!parser_->is_header_done() || !parser_->need_eof()) return State::more;
    beast::error_code ec;
    parser_->put_eof(ec);
    return ec ? fail(ec) : State::complete;
}

bool AnswerParser::reusable() const {
    if (buffer_.size() > 0 || !parser_->keep_alive() || status_ == 101) return false;
    // These have no body; one that announces it all the same may send it.
    return !((status_ == 204 || status_ == 304) && parser_->has_length());
}

AnswerParser::State AnswerParser::fail(beast::error_code ec) {
    using beast::http::error;
    if (ec == error::body_limit) return too_large("body", limits_.body_bytes);
    problem_ = "not a valid HTTP answer: " + ec.message();
    return State::malformed;
}

AnswerParser::State AnswerParser::too_large(std::string_view what, std::size_t limit) {
    problem_ = "the answer's " + std::string(what) + " is larger than " + std::to_string(limit) + " bytes";
    return State::too_large;
}

}  // namespace drover::http
