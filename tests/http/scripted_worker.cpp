#include "tests/http/scripted_worker.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace drover::http::test {

ScriptedWorker::ScriptedWorker(Script script) : ScriptedWorker(RawSocket::bound(), std::move(script)) {}

ScriptedWorker::ScriptedWorker(RawSocket listener, Script script)
    : listener_(std::move(listener)),
      port_(listener_.port()),
      script_(std::move(script)),
      stop_fd_(::eventfd(0, EFD_CLOEXEC)) {
    if (stop_fd_ < 0 || ::listen(listener_.fd(), 1024) != 0) {
        std::perror("ScriptedWorker");
        std::abort();
    }
    taker_ = std::jthread([this] { take(); });
}

ScriptedWorker::~ScriptedWorker() {
    ::shutdown(listener_.fd(), SHUT_RDWR);
    taker_.join();
    if (::eventfd_write(stop_fd_, 1) != 0) std::abort();
    scripts_.clear();  // joins them
    ::close(stop_fd_);
}

void ScriptedWorker::take() {
    for (;;) {
        const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0 && errno == EMFILE) {  // of a test that takes all descriptors away, for a moment
            std::this_thread::yield();
            continue;
        }
        if (fd < 0) return;
        ++connections_;
        scripts_.emplace_back([this, fd] {
            RawSocket socket(fd, stop_fd_);
            script_(socket);
        });
    }
}

ScriptedWorker::Script answering(std::string answer) {
    return [answer = std::move(answer)](RawSocket& socket) {
        while (!socket.read_message().empty()) {
            if (!socket.write(answer)) return;
        }
    };
}

std::string answer_with(std::string_view body, std::string_view status, std::string_view headers) {
    std::string answer = "HTTP/1.1 ";
    answer.append(status).append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
    return answer.append(headers).append("\r\n").append(body);
}

}  // namespace drover::http::test
