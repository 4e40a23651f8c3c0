#include "src/http/server.h"

#include <cstdio>
#include <memory>
#include <unordered_set>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "src/http/server_connection.h"

namespace drover::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Without a free descriptor a connection can be neither taken nor refused; it waits.
constexpr std::chrono::milliseconds accept_pause{100};

// TLS 1.2 at least.
Result<std::shared_ptr<Transport::Context>> make_context(const ServerTls& tls) {
    auto context = std::make_shared<Transport::Context>(asio::ssl::context::tls_server);
    error_code ec;
    context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                             asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression,
                         ec);
    if (!ec) context->use_certificate_chain(asio::buffer(tls.certificate), ec);
    if (ec) return failure(Error::Code::invalid, "the certificate is no good: " + ec.message());
    context->use_private_key(asio::buffer(tls.key), asio::ssl::context::pem, ec);
    if (ec || SSL_CTX_check_private_key(context->native_handle()) != 1) {
        return failure(Error::Code::invalid, "the key is no good, or not the certificate's: " + ec.message());
    }
    return context;
}

class BeastServer final : public Server, private ServerConnection::Owner {
public:
    BeastServer(tcp::acceptor acceptor, const ServerOptions& options, std::shared_ptr<Transport::Context> context,
                Handler handler)
        : acceptor_(std::move(acceptor)),
          context_(std::move(context)),
          timer_(acceptor_.get_executor()),
          options_(options),
          handler_(std::move(handler)),
          port_(acceptor_.local_endpoint().port()) {
        accept();
    }

    ~BeastServer() override {
        close_port();
        timer_.cancel();
        for (const auto& connection : connections_) connection->close();
    }

    std::uint16_t port() const override { return port_; }
    Result<void> set_tls(const ServerTls& tls) override {
        if (!context_) return failure(Error::Code::invalid, "this port has no TLS");
        auto context = make_context(tls);
        if (!context) return tl::unexpected(context.error());
        context_ = std::move(*context);
        return {};
    }
    void set_max_body_bytes(std::size_t most) override { options_.max_body_bytes = most; }

    void stop(std::function<void()> stopped) override {
        stopped_ = std::move(stopped);
        close_port();
        for (const auto& connection : copy_of_connections()) connection->finish();
        if (connections_.empty()) return report_stopped();
        timer_.expires_after(options_.stop_timeout);
        timer_.async_wait([this, alive = watch()](const error_code& ec) {
            if (ec || alive.expired()) return;
            for (const auto& connection : connections_) connection->close();
            connections_.clear();
            report_stopped();
        });
    }

private:
    std::weak_ptr<const bool> watch() const { return alive_; }

    // Ending connections leave the set meanwhile.
    std::vector<std::shared_ptr<ServerConnection>> copy_of_connections() const {
        return {connections_.begin(), connections_.end()};
    }

    void close_port() {
        error_code ignored;  // closing is all there is to do, and what it reports changes nothing
        acceptor_.close(ignored);
    }

    void accept() {
        acceptor_.async_accept([this, alive = watch()](const error_code& ec, tcp::socket socket) {
            if (alive.expired() || !acceptor_.is_open()) return;
            if (!ec) {
                take(std::move(socket));
            } else if (ec == asio::error::no_descriptors || ec == asio::error::no_buffer_space ||
                       ec == asio::error::no_memory || ec.value() == ENFILE) {
                return accept_later();
            }
            accept();
        });
    }

    void accept_later() {
        timer_.expires_after(accept_pause);
        timer_.async_wait([this, alive = watch()](const error_code& ec) {
            if (!ec && !alive.expired() && acceptor_.is_open()) accept();
        });
    }

    void take(tcp::socket socket) {
        if (connections_.size() >= options_.max_connections) return;  // its destructor closes it
        ServerConnection::Owner& owner = *this;
        const auto connection =
            std::make_shared<ServerConnection>(Transport(std::move(socket), context_), options_, owner);
        connections_.insert(connection);
        connection->start();
    }

    void handle(Request request, Reply reply) override { handler_(std::move(request), std::move(reply)); }

    bool hold(std::size_t before, std::size_t now) override {
        if (now > before && held_bytes_ + (now - before) > options_.max_held_bytes) return false;
        held_bytes_ = held_bytes_ - before + now;
        return true;
    }

    void gone(ServerConnection& connection) override {
        connections_.erase(connection.shared_from_this());
        if (connections_.empty() && stopped_) report_stopped();
    }

    void report_stopped() {
        timer_.cancel();
        asio::post(timer_.get_executor(), [stopped = std::exchange(stopped_, nullptr)] {
            if (stopped) stopped();
        });
    }

    tcp::acceptor acceptor_;
    std::shared_ptr<Transport::Context> context_;  // of new connections; null: plain
    asio::steady_timer timer_;
    ServerOptions options_;
    const Handler handler_;
    const std::uint16_t port_;
    std::unordered_set<std::shared_ptr<ServerConnection>> connections_;
    std::size_t held_bytes_ = 0;
    std::function<void()> stopped_;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace

std::string_view Request::header(std::string_view lower_case_name) const {
    for (const auto& field : headers) {
        if (field.name == lower_case_name) return field.value;
    }
    return {};
}

Result<std::unique_ptr<Server>> Server::listen(asio::any_io_executor executor, const ServerOptions& options,
                                               Handler handler) {
    const auto where = options.address + ":" + std::to_string(options.port);
    error_code ec;
    const auto address = asio::ip::make_address(options.address, ec);
    if (ec) return failure(Error::Code::invalid, "'" + options.address + "' is not an IP address to listen at");

    std::shared_ptr<Transport::Context> context;
    if (options.tls) {
        auto made = make_context(*options.tls);
        if (!made) return tl::unexpected(made.error());
        context = std::move(*made);
    }
    tcp::acceptor acceptor(executor);
    const tcp::endpoint endpoint(address, options.port);
    acceptor.open(endpoint.protocol(), ec);
    // A port whose last connections are still in TIME_WAIT is free.
    if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor.bind(endpoint, ec);
    if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
    if (ec) return failure(Error::Code::unavailable, "cannot listen at " + where + ": " + ec.message());
    return std::make_unique<BeastServer>(std::move(acceptor), options, std::move(context), std::move(handler));
}

}  // namespace drover::http
