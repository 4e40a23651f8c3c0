// One attempt to connect to a local port, given up after a second. Room: http.
//
// Owner thread: that of the executor. Sockets here know their executor's type: any_io_executor would cost the job
// path a few percent.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace drover::http {

using JobExecutor = boost::asio::io_context::executor_type;
using JobSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, JobExecutor>;
using JobTimer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                   boost::asio::wait_traits<std::chrono::steady_clock>, JobExecutor>;

class Dial : public std::enable_shared_from_this<Dial> {
public:
    // An open socket, non-blocking and without Nagle's delay; or a closed one and why.
    using Done = std::function<void(JobSocket socket, const std::string& problem)>;

    // `done` comes once, never from within start(), and not after cancel().
    static std::shared_ptr<Dial> start(JobExecutor executor, const boost::asio::ip::tcp::endpoint& endpoint, Done done);
    void cancel();

private:
    explicit Dial(JobExecutor executor);
    void connected(boost::system::error_code ec);
    void finish(const std::string& problem);
    void post_problem(const std::string& problem);

    JobSocket socket_;
    JobTimer timer_;
    Done done_;
};

}  // namespace drover::http
