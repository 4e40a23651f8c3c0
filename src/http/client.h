// HTTP client of the control paths: Kubernetes, the gateway, webhooks. Room: http. Over cpprestsdk.
//
// Any thread, several at once: a call blocks its caller, up to the limits that it names or until its stop token is
// asked. Connections are kept and shared. cpprestsdk's own threads are two for the whole program and run none of the
// caller's code.
//
// Errors: `invalid` where the request or the options are wrong; `unavailable` where no connection came about, TLS
// failed, the answer was cut, or the caller stopped; `timeout`; `too_large`. Any whole answer is a Response, whatever
// its status. Redirects are not followed.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/field.h"
#include "src/base/result.h"

namespace drover::http {

// PEM texts.
struct ClientTls {
    std::string ca;           // whom to trust, nobody else; "": whom the system trusts
    std::string certificate;  // ours, with its chain; "": none
    std::string key;          // of the certificate
    bool verify = true;       // the server's certificate and name
};

struct ClientOptions {
    std::string base;  // "https://host:port", or with a path, which goes before every target
    ClientTls tls;
    std::size_t max_body_bytes = 64 * 1024 * 1024;  // of an answer to send(), and of one to stream() that is no success
};

struct ClientRequest {
    std::string method = "GET";
    std::string target = "/";    // path and query, percent-encoded
    std::vector<Field> headers;  // all valid by is_valid_field
    std::string body;
    std::chrono::milliseconds timeout{30'000};  // send(): for all of it; stream(): until the answer's head
    // Doing it twice is doing it once. Then it is sent a second time where its connection broke before an answer: a
    // kept connection that the server has closed looks like that.
    bool repeatable = false;
};

struct ClientResponse {
    int status = 0;
    std::vector<Field> headers;  // names in lower case
    std::string body;

    std::string_view header(std::string_view lower_case_name) const;  // "" when absent
};

class Client {
public:
    // Bytes of the body as they come, in no particular pieces; false: enough, the answer is given up.
    using OnBytes = std::function<bool(std::string_view bytes)>;

    // Connects nowhere yet.
    static Result<std::unique_ptr<Client>> create(const ClientOptions& options);
    virtual ~Client() = default;

    virtual Result<ClientResponse> send(const ClientRequest& request, std::stop_token stop = {}) = 0;

    // `on_bytes` runs on the caller's thread. Only a success (2xx) is streamed, and its Response has no body; an Error
    // may follow bytes: `timeout` where none came for `idle`, `unavailable` where the answer was cut.
    virtual Result<ClientResponse> stream(const ClientRequest& request, std::chrono::milliseconds idle,
                                          const OnBytes& on_bytes, std::stop_token stop = {}) = 0;
};

}  // namespace drover::http
