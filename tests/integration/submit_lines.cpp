// Submits each line of stdin, "<id> <value>", and prints "<id> kafka", "<id> spool" or "<id> error <why>". For tests.
#include <iostream>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <unistd.h>

#include "gateway/submit/job_submitter.h"

namespace asio = boost::asio;

namespace drover {
namespace {

int run(const std::string& bootstrap, const std::string& spool, const std::string& topic) {
    asio::io_context io(1);
    telemetry::Metrics metrics;
    auto submitter = gateway::JobSubmitter::create({.kafka = {{"bootstrap.servers", bootstrap}}, .spool_folder = spool},
                                                   io.get_executor(), metrics);
    if (!submitter) {
        std::cerr << submitter.error().message << "\n";
        return 1;
    }
    asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
    asio::streambuf buffer;
    const std::function<void()> next = [&] {
        asio::async_read_until(input, buffer, '\n', [&](boost::system::error_code error, std::size_t) {
            if (error) {
                return (*submitter)->stop([&] {
                    std::cerr << metrics.text();
                    io.stop();
                });
            }
            std::istream stream(&buffer);
            std::string line;
            std::getline(stream, line);
            const std::string id = line.substr(0, line.find(' '));
            (*submitter)
                ->submit({.topic = topic, .value = line, .headers = {{"drover-job-id", id}}, .id = id},
                         [id](const Result<gateway::Accepted>& accepted) {
                             if (accepted) {
                                 std::cout << id << (accepted->spooled ? " spool" : " kafka") << std::endl;
                             } else {
                                 std::cout << id << " error " << accepted.error().message << std::endl;
                             }
                         });
            next();
        });
    };
    next();
    io.run();
    return 0;
}

}  // namespace
}  // namespace drover

int main(int argc, char** argv) { return argc == 4 ? drover::run(argv[1], argv[2], argv[3]) : 2; }
