#include "src/http/client.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/ssl/context.hpp>
#include <cpprest/http_client.h>
#include <openssl/ssl.h>
#include <pplx/threadpool.h>

#include "src/http/job_client.h"

namespace drover::http {
namespace {

namespace ssl = boost::asio::ssl;
using SteadyTime = std::chrono::steady_clock::time_point;

// By default cpprestsdk starts 40 threads, which are slower than 2. Only the first call in a program may choose.
void choose_threads() {
    static std::once_flag once;
    std::call_once(once, [] { crossplat::threadpool::initialize_with_threads(2); });
}

struct Limit {
    SteadyTime deadline;
    std::stop_token stop;
};

// What the task brings, or nothing at the limit; throws what the task throws. pplx has no wait with a limit, and ends
// the program over an exception that nobody takes: the continuation takes it, whoever still waits.
template <class T>
std::optional<T> await(const pplx::task<T>& task, const Limit& limit) {
    struct Outcome {
        std::mutex mutex;
        std::condition_variable_any changed;
        bool done = false;
        std::optional<T> value;
        std::exception_ptr error;
    };
    const auto outcome = std::make_shared<Outcome>();
    task.then([outcome](const pplx::task<T>& ended) {
        std::optional<T> value;
        std::exception_ptr error;
        try {
            value = ended.get();
        } catch (...) {
            error = std::current_exception();
        }
        const std::scoped_lock lock(outcome->mutex);
        outcome->value = std::move(value);
        outcome->error = error;
        outcome->done = true;
        outcome->changed.notify_all();
    });
    std::unique_lock lock(outcome->mutex);
    outcome->changed.wait_until(lock, limit.stop, limit.deadline, [&] { return outcome->done; });
    if (outcome->error) std::rethrow_exception(outcome->error);
    return std::exchange(outcome->value, std::nullopt);
}

void set_up(ssl::context& context, const ClientTls& tls) {
    if (!tls.ca.empty()) {
        SSL_CTX_set_cert_store(context.native_handle(), X509_STORE_new());  // without the system's authorities
        context.add_certificate_authority(boost::asio::buffer(tls.ca));
    }
    if (tls.certificate.empty()) return;
    context.use_certificate_chain(boost::asio::buffer(tls.certificate));
    context.use_private_key(boost::asio::buffer(tls.key), ssl::context::pem);
}

Result<void> check(const ClientTls& tls) {
    try {
        ssl::context context(ssl::context::tls_client);
        set_up(context, tls);
    } catch (const boost::system::system_error& error) {
        return failure(Error::Code::invalid, std::string("TLS certificate or key: ") + error.what());
    }
    return {};
}

std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool is_success(int status) { return status >= 200 && status < 300; }

class CppRestClient final : public Client {
public:
    CppRestClient(const ClientOptions& options, const web::uri& base)
        : max_body_bytes_(options.max_body_bytes), client_(base, configuration(options)) {}

    Result<ClientResponse> send(const ClientRequest& request, std::stop_token stop) override {
        const Limit limit{std::chrono::steady_clock::now() + request.timeout, std::move(stop)};
        return exchange(request, limit, {}, nullptr);
    }

    Result<ClientResponse> stream(const ClientRequest& request, std::chrono::milliseconds idle, const OnBytes& on_bytes,
                                  std::stop_token stop) override {
        const Limit limit{std::chrono::steady_clock::now() + request.timeout, std::move(stop)};
        return exchange(request, limit, idle, &on_bytes);
    }

private:
    static web::http::client::http_client_config configuration(const ClientOptions& options) {
        web::http::client::http_client_config config;
        config.set_timeout(std::chrono::hours(24));  // await() has the limits
        config.set_max_redirects(0);
        config.set_validate_certificates(options.tls.verify);
        config.set_ssl_context_callback([tls = options.tls](ssl::context& context) { set_up(context, tls); });
        return config;
    }

    Result<ClientResponse> exchange(const ClientRequest& request, const Limit& limit, std::chrono::milliseconds idle,
                                    const OnBytes* on_bytes) {
        for (const auto& header : request.headers) {
            if (!is_valid_field({header.name, header.value})) {
                return failure(Error::Code::invalid, "the request header '" + header.name + "' is not valid");
            }
        }
        pplx::cancellation_token_source cancel;
        bool complete = false;
        auto result = [&]() -> Result<ClientResponse> {
            try {
                const auto response = answer_to(request, limit, cancel.get_token());
                if (!response)
                    return gave_up(limit, "no answer within " + std::to_string(request.timeout.count()) + " ms");
                return take(*response, limit, idle, on_bytes, complete);
            } catch (const web::uri_exception& error) {
                return failure(Error::Code::invalid, "'" + request.target + "': " + error.what());
            } catch (const std::exception& error) {
                return failure(Error::Code::unavailable, error.what(), true);
            }
        }();
        if (!complete) cancel.cancel();
        return result;
    }

    static web::http::http_request make(const ClientRequest& request) {
        web::http::http_request made(request.method);
        made.set_request_uri(web::uri(request.target));
        // An own content type is set after the body, whose setter names one too.
        if (!request.body.empty()) made.set_body(request.body, "application/octet-stream");
        for (const auto& [name, value] : request.headers) {
            made.headers().remove(name);
            made.headers().add(name, value);
        }
        return made;
    }

    std::optional<web::http::http_response> answer_to(const ClientRequest& request, const Limit& limit,
                                                      const pplx::cancellation_token& token) {
        const web::http::http_request made = make(request);
        if (!request.repeatable) return await(client_.request(made, token), limit);
        try {
            return await(client_.request(made, token), limit);
        } catch (const web::http::http_exception&) {
            return await(client_.request(make(request), token), limit);
        }
    }

    Result<ClientResponse> take(const web::http::http_response& response, const Limit& limit,
                                std::chrono::milliseconds idle, const OnBytes* on_bytes, bool& complete) const {
        ClientResponse taken{response.status_code(), {}, {}};
        for (const auto& [name, value] : response.headers()) taken.headers.push_back({lower_case(name), value});
        const bool streams = on_bytes && is_success(taken.status);

        auto body = response.body().streambuf();
        std::array<char, 64 * 1024> chunk;
        Limit next = limit;
        for (;;) {
            if (streams) next.deadline = std::chrono::steady_clock::now() + idle;
            const auto size = read_some(body, chunk, next);
            if (!size)
                return gave_up(next, streams ? "nothing came for " + std::to_string(idle.count()) + " ms"
                                             : std::string("the answer did not end in time"));
            if (*size == 0) break;
            const std::string_view bytes(chunk.data(), *size);
            if (streams) {
                if (!(*on_bytes)(bytes)) return taken;
            } else if (taken.body.size() + bytes.size() > max_body_bytes_) {
                return failure(Error::Code::too_large,
                               "the answer is larger than " + std::to_string(max_body_bytes_) + " bytes");
            } else {
                taken.body += bytes;
            }
        }
        // An end that came too soon reads like the right one; this throws then.
        if (!await(response.content_ready(), next)) return gave_up(next, "the answer did not end in time");
        complete = true;
        return taken;
    }

    // What there is, at least a byte; 0 at the end; nothing at the limit.
    static std::optional<std::size_t> read_some(concurrency::streams::streambuf<std::uint8_t>& body,
                                                std::array<char, 64 * 1024>& chunk, const Limit& limit) {
        const auto first = await(body.bumpc(), limit);
        if (!first) return std::nullopt;
        if (*first == concurrency::streams::streambuf<std::uint8_t>::traits::eof()) return 0;
        chunk[0] = static_cast<char>(*first);
        const std::size_t more = std::min(body.in_avail(), chunk.size() - 1);
        if (more == 0) return 1;
        // Asked only for what is there, it comes at once.
        return 1 + body.getn(reinterpret_cast<std::uint8_t*>(chunk.data() + 1), more).get();
    }

    static tl::unexpected<Error> gave_up(const Limit& limit, std::string why) {
        if (limit.stop.stop_requested()) return failure(Error::Code::unavailable, "stopped by the caller");
        return failure(Error::Code::timeout, std::move(why), true);
    }

    const std::size_t max_body_bytes_;
    web::http::client::http_client client_;
};

}  // namespace

std::string_view ClientResponse::header(std::string_view lower_case_name) const {
    for (const auto& field : headers) {
        if (field.name == lower_case_name) return field.value;
    }
    return {};
}

Result<std::unique_ptr<Client>> Client::create(const ClientOptions& options) {
    if (auto checked = check(options.tls); !checked) return tl::unexpected(checked.error());
    choose_threads();
    try {
        const web::uri base(options.base);
        if (base.scheme() != "https" && base.scheme() != "http") {
            return failure(Error::Code::invalid, "'" + options.base + "' is not the address of an HTTP server");
        }
        return std::make_unique<CppRestClient>(options, base);
    } catch (const std::exception& error) {
        return failure(Error::Code::invalid, "'" + options.base + "': " + error.what());
    }
}

}  // namespace drover::http
