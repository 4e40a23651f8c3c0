// A listening port. Room: http. Over Boost.Beast: keep-alive, limits on sizes, times and connections, graceful stop.
//
// Owner thread: that of the executor; nothing blocks.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "src/base/field.h"
#include "src/base/result.h"

namespace drover::http {

struct Request {
    std::string method;          // upper case
    std::string path;            // decoded, without the query
    std::string raw_path;        // as it came: its segments are to be decoded one by one
    std::string query;           // as it came
    std::vector<Field> headers;  // names in lower case
    std::string body;
    // From within the handler, for an answer that may take long: `gone` is called, at most once, when the client closes
    // the connection, or its side of it, before it is answered. Where it has sent more by then, that is not noticed.
    std::function<void(std::function<void()> gone)> when_gone;

    std::string_view header(std::string_view lower_case_name) const;  // the first of that name, or ""
};

// The body of an answer that comes piece by piece and ends when somebody says so, such as server-sent events. Its
// destructor ends it.
class BodyStream {
public:
    virtual ~BodyStream() = default;
    // False: nobody reads it any more. The client has gone, is more than 1 MiB behind, or the server stops.
    virtual bool write(std::string piece) = 0;
    // Called at most once, when nobody reads it any more; not after the end.
    virtual void when_gone(std::function<void()> gone) = 0;
};

struct Response {
    int status = 200;
    std::vector<Field> headers;  // content-type among them; content-length is added
    std::string body;
    // Set: the body is what is written there, until the connection is closed at its end. Not called for HEAD.
    std::function<void(std::unique_ptr<BodyStream>)> stream;
};

Response json_response(int status, std::string body);
// RFC 9457 application/problem+json.
Response problem(int status, std::string_view title, std::string_view detail);

// PEM texts: a certificate with its chain, and its key.
struct ServerTls {
    std::string certificate, key;
    bool operator==(const ServerTls&) const = default;
};

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;                    // 0: any, see Server::port()
    std::optional<ServerTls> tls;              // nothing: plain HTTP
    std::size_t max_body_bytes = 1024 * 1024;  // more gets a 413 problem
    std::size_t max_head_bytes = 32 * 1024;    // more gets a 431
    std::size_t max_connections = 1024;        // more are closed at once
    // What large requests may take of memory together, from their first bytes to their answers; those that come to it
    // get a 503. The first 16 KiB of each are free, so that whoever sends slowly, or much, keeps out no small one.
    std::size_t max_held_bytes = 256 * 1024 * 1024;
    std::chrono::milliseconds read_timeout{10'000};  // for a whole request, from its first byte; and to take an answer
    std::chrono::milliseconds idle_timeout{60'000};  // between requests
    std::chrono::milliseconds stop_timeout{10'000};  // after stop(): what is not answered by then is cut
};

class Server {
public:
    // May be called at once or later, on the owner thread. Only the first call counts: a handler that fails after it
    // has replied may say so harmlessly. After the connection has gone it does nothing. Dropped without a call, it
    // answers 500. The body of an answer to HEAD is not sent, its length is.
    using Reply = std::function<void(Response)>;
    using Handler = std::function<void(Request, Reply)>;

    // Listens at once. An `unavailable` Error names the address that is taken; `invalid`: the certificate is no good.
    static Result<std::unique_ptr<Server>> listen(boost::asio::any_io_executor executor, const ServerOptions& options,
                                                  Handler handler);
    virtual ~Server() = default;

    virtual std::uint16_t port() const = 0;
    // For the requests that begin from now on.
    // For the connections that begin from now on; those that there are keep theirs. Only where it has TLS. `invalid`:
    // it goes on with what it had.
    virtual Result<void> set_tls(const ServerTls& tls) = 0;
    virtual void set_max_body_bytes(std::size_t most) = 0;
    // Once. Takes no more connections or requests; those being answered are finished. `stopped` is called when none is
    // left.
    virtual void stop(std::function<void()> stopped) = 0;
};

}  // namespace drover::http
