// One connection to the app, and the one exchange that it carries at a time. Room: http.
//
//   begin() → connecting → exchanging → Owner::ended() → idle → begin() …
//                                                      → closed
//
// Owner thread: that of the executor. Lives as long as its owner or its last pending operation; close() first.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "src/http/answer_parser.h"
#include "src/http/dial.h"
#include "src/http/job_client.h"

namespace drover::http {

class JobConnection : public std::enable_shared_from_this<JobConnection> {
public:
    class Owner {
    public:
        // Never from within begin() or abort(). A connection that is not `reusable` is closed. What `answer` shows
        // outlives a begin() within this call.
        virtual void ended(JobConnection& connection, const Answer& answer, bool reusable) = 0;
        // The app had closed this kept connection before it could read the whole request. Not answered yet.
        virtual void not_taken(JobConnection& connection) = 0;

    protected:
        ~Owner() = default;
    };

    JobConnection(JobExecutor executor, const boost::asio::ip::tcp::endpoint& endpoint, const AnswerLimits& limits,
                  Owner& owner);

    // The head of the next request, to be written before begin().
    std::string& head() { return head_; }
    // `body` stays until the exchange has ended.
    void begin(JobClient::Token token, std::string_view body);
    // The exchange ends, soon, with Kind::aborted, unless it is ending already.
    void abort();
    // Nothing is reported any more.
    void close();

    bool in_exchange() const { return state_ == State::connecting || state_ == State::exchanging; }
    JobClient::Token token() const { return token_; }
    std::string_view body() const { return body_; }
    // Of an idle connection: whether it is still open and silent, as far as is known on this side.
    bool is_quiet();
    // The Keep-Alive header of the last answer.
    const std::string& keep_alive() const { return parser_.fields().keep_alive; }

    std::size_t slot = 0;  // the owner's: where it keeps this one

private:
    enum class State { idle, connecting, exchanging, ending, closed };

    void write_request();
    void write_rest(std::size_t written);
    void read_answer();
    void on_read(const boost::system::error_code& ec, std::size_t size);
    void on_end_of_stream(const boost::system::error_code& ec);
    void end(Answer::Kind kind, std::string detail, bool reusable);
    void end_later(Answer::Kind kind, const std::string& detail);
    void shut();
    bool was_reset_after_end() const;

    Owner* owner_;
    boost::asio::ip::tcp::endpoint endpoint_;
    JobSocket socket_;
    std::shared_ptr<Dial> dial_;
    State state_ = State::idle;
    JobClient::Token token_ = 0;
    std::string head_;
    std::string_view body_;
    AnswerParser parser_;
    bool kept_ = false;      // this connection has carried an exchange before
    bool answered_ = false;  // a byte of this exchange's answer has come
    bool writing_ = false;
    boost::system::error_code write_error_;
};

}  // namespace drover::http
