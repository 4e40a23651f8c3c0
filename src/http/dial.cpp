#include "src/http/dial.h"

#include <chrono>

#include <boost/asio/post.hpp>

namespace drover::http {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds connect_limit{1};

std::string describe(const std::string& what, const error_code& ec) { return what + ": " + ec.message(); }

// A connect to a free port of the ephemeral range may be given that very port as its own and meet itself.
bool meets_itself(const JobSocket& socket) {
    error_code ec;
    const auto here = socket.local_endpoint(ec);
    if (ec) return false;
    const auto there = socket.remote_endpoint(ec);
    return !ec && here == there;
}

}  // namespace

Dial::Dial(JobExecutor executor) : socket_(executor), timer_(executor) {}

std::shared_ptr<Dial> Dial::start(JobExecutor executor, const tcp::endpoint& endpoint, Done done) {
    std::shared_ptr<Dial> dial(new Dial(executor));
    dial->done_ = std::move(done);
    error_code ec;
    dial->socket_.open(endpoint.protocol(), ec);
    if (ec) {
        dial->post_problem(describe("no socket for a connection to the app", ec));
        return dial;
    }
    dial->timer_.expires_after(connect_limit);
    dial->timer_.async_wait([dial](error_code timer_ec) {
        if (!timer_ec) dial->finish("the app's port did not take a connection within a second");
    });
    dial->socket_.async_connect(endpoint, [dial](error_code connect_ec) { dial->connected(connect_ec); });
    return dial;
}

void Dial::cancel() {
    done_ = nullptr;
    error_code ignored;  // closing is all there is to do, and what it reports changes nothing
    socket_.close(ignored);
    timer_.cancel();
}

void Dial::connected(error_code ec) {
    if (!done_) return;
    if (!ec) socket_.set_option(tcp::no_delay(true), ec);
    if (!ec) socket_.non_blocking(true, ec);
    if (ec) return finish(describe("no connection to the app", ec));
    if (meets_itself(socket_)) return finish("no connection to the app: nobody listens on its port");
    finish("");
}

void Dial::finish(const std::string& problem) {
    if (!done_) return;
    const Done done = std::exchange(done_, nullptr);
    timer_.cancel();
    if (!problem.empty()) {
        error_code ignored;
        socket_.close(ignored);
    }
    done(std::move(socket_), problem);
}

void Dial::post_problem(const std::string& problem) {
    boost::asio::post(socket_.get_executor(), [dial = shared_from_this(), problem] { dial->finish(problem); });
}

}  // namespace drover::http
