// What the app answers to one job, read from bytes as they come. Room: http. No sockets here, so that it can be fuzzed.
//
// Beast's parser does HTTP; this keeps of it what an Answer names and holds the limits that Beast does not: of a whole
// head however it trickles in, of chunk headers and of trailers. Bytes go in by prepare() and commit(). Never holds
// more than the limits and one read.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace drover::http {

struct AnswerLimits {
    std::size_t body_bytes = 1024 * 1024;
    std::size_t head_bytes = 64 * 1024;  // of the head with those of informational answers before it; of the trailers
};

// Of a field that comes twice the first counts. Strings are kept between answers: their memory is used again.
struct AnswerFields {
    std::string retry_after;
    std::string outcome;
    std::string error;
    std::string content_type;
    std::string keep_alive;
    std::string body;

    void clear();
};

class AnswerParser {
public:
    enum class State { more, complete, malformed, too_large };

    explicit AnswerParser(const AnswerLimits& limits);

    // Before the first commit() of the next answer. What has been prepared stays so.
    void reset();

    // Room for the next read. Only after State::more or reset().
    boost::asio::mutable_buffer prepare();
    // `size` bytes of what was prepared have been filled.
    State commit(std::size_t size);
    // The connection ended: complete only where the end of the body is the end of the connection, else still `more`.
    State end_of_stream();

    bool head_done() const { return parser_->is_header_done(); }
    // Of the head that has come last, that of an informational answer too; 0 before.
    int status() const { return status_; }
    const AnswerFields& fields() const { return fields_; }
    // Why it is malformed or too large.
    const std::string& problem() const { return problem_; }
    // After `complete`: whether another request may follow on this connection.
    bool reusable() const;

private:
    class Parser final : public boost::beast::http::basic_parser<false> {
    public:
        Parser(AnswerFields& fields, const AnswerLimits& limits);
        int status() const { return status_; }
        bool has_length() const { return has_length_; }

    private:
        using error_code = boost::beast::error_code;
        using string_view = boost::beast::string_view;

        void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&) override {}
        void on_response_impl(int status, string_view, int, error_code& ec) override;
        void on_field_impl(boost::beast::http::field name, string_view name_string, string_view value,
                           error_code& ec) override;
        void on_header_impl(error_code&) override { in_head_ = false; }
        void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override;
        std::size_t on_body_impl(string_view body, error_code&) override;
        void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
        std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override;
        void on_finish_impl(error_code&) override {}

        AnswerFields& fields_;
        int status_ = 0;
        bool in_head_ = true;
        bool has_length_ = false;  // a Content-Length other than 0, or chunks
    };

    State fail(boost::beast::error_code ec);
    State too_large(std::string_view what, std::size_t limit);

    AnswerLimits limits_;
    AnswerFields fields_;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::size_t head_bytes_ = 0;
    int status_ = 0;
    std::string problem_;
};

}  // namespace drover::http
