// Hands jobs to the app container: HTTP/1.1 POST over a pool of keep-alive connections to one loopback port.
// Room: http. Over Boost.Beast.
//
// Owner thread: that of the executor; nothing blocks. The client decides nothing about retries: it reports what
// happened, in full, and whether the app can have seen the job.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "src/base/field.h"

namespace drover::http {

// Views are valid during the call that passes them, no longer.
struct Answer {
    enum class Kind {
        response,   // a whole HTTP response: `status` and the rest are set
        refused,    // no connection came about: the app cannot have seen the job
        cut,        // the connection ended before the whole answer; `status` is set when the head had come
        malformed,  // what came is not HTTP/1.x
        too_large,  // head or body over the limit
        aborted,    // by abort()
    };
    Kind kind = Kind::refused;
    int status = 0;
    std::string_view retry_after;  // header Retry-After, "" when absent
    std::string_view outcome;      // header Drover-Outcome
    std::string_view error;        // header Drover-Error
    std::string_view content_type;
    std::string_view body;  // of a response; of other kinds the part that had come, within the limit
    std::string detail;     // for people: why it is not a response, e.g. "Connection reset by peer"
};

struct JobClientOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    std::string path = "/";
    std::size_t max_answer_bytes = 1024 * 1024;
    std::size_t max_head_bytes = 64 * 1024;
};

class JobClient {
public:
    using Token = std::uint64_t;

    class Listener {
    public:
        // Exactly once per send(), never from within send() or abort().
        virtual void answered(Token token, const Answer& answer) = 0;
        // The answer to probe(): the port took a connection (or not: try again later).
        virtual void probed(bool reachable) = 0;

    protected:
        ~Listener() = default;
    };

    // The listener outlives the client. `options.host` is an IP address, else the program is wrong: it aborts.
    static std::unique_ptr<JobClient> create(boost::asio::io_context::executor_type executor,
                                             const JobClientOptions& options, Listener& listener);
    virtual ~JobClient() = default;

    // `headers` are copied (all valid by is_valid_field, else the program is wrong: it aborts); `body` must stay
    // until answered(). Host, Content-Length and the connection's headers are added. No timeout: the owner aborts.
    virtual void send(Token token, std::span<const FieldView> headers, std::string_view body) = 0;

    // Closes that job's connection; answered() follows with Kind::aborted. Unknown tokens are ignored: the answer may
    // be on its way.
    virtual void abort(Token token) = 0;

    virtual void probe() = 0;
};

// A header field name (RFC 9110 token) and a value of visible ASCII, spaces and tabs inside: nothing that could end
// the field or start another; nor one of the fields that frame a message or rule the connection, which the client
// writes itself.
bool is_valid_field(const FieldView& field);

}  // namespace drover::http
