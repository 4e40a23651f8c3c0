#include "tests/http/raw_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <gtest/gtest.h>

namespace drover::http::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void require(bool holds, const char* what) {
    if (holds) return;
    std::perror(what);
    std::abort();
}

}  // namespace

RawSocket::RawSocket(int fd, int stop_fd) : fd_(fd), stop_fd_(stop_fd) {
    const int on = 1;
    require(::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

RawSocket RawSocket::connect(std::uint16_t port) {
    RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    require(::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
    return socket;
}

RawSocket RawSocket::bound(std::uint16_t port) {
    RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        require(port != 0, "bind");
        return bound();
    }
    return socket;
}

RawSocket::~RawSocket() { close(); }

RawSocket::RawSocket(RawSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), stop_fd_(other.stop_fd_), buffer_(std::move(other.buffer_)) {}

RawSocket& RawSocket::operator=(RawSocket&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    stop_fd_ = other.stop_fd_;
    buffer_ = std::move(other.buffer_);
    return *this;
}

std::uint16_t RawSocket::port() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    require(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
    return ntohs(address.sin_port);
}

bool RawSocket::await(short event) const {
    std::array<pollfd, 2> polled = {pollfd{fd_, event, 0}, pollfd{stop_fd_, POLLIN, 0}};
    const int ready = ::poll(polled.data(), polled.size(), 60'000);
    if (ready == 0) ADD_FAILURE() << "nothing happened on a connection for a minute";
    return ready > 0 && polled[1].revents == 0;
}

bool RawSocket::write(std::string_view bytes) {
    while (!bytes.empty()) {
        if (!await(POLLOUT)) return false;
        const auto written = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

bool RawSocket::fill() {
    if (!await(POLLIN)) return false;
    std::array<char, 64 * 1024> chunk;
    const auto size = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (size <= 0) return false;
    buffer_.append(chunk.data(), static_cast<std::size_t>(size));
    return true;
}

std::string RawSocket::read_through(std::string_view end) {
    for (;;) {
        if (const auto at = buffer_.find(end); at != std::string::npos) {
            std::string text = buffer_.substr(0, at + end.size());
            buffer_.erase(0, at + end.size());
            return text;
        }
        if (!fill()) return std::exchange(buffer_, {});
    }
}

std::string RawSocket::read_message() {
    std::string message = read_through("\r\n\r\n");
    std::string lower = message;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    constexpr std::string_view name = "\r\ncontent-length:";
    const auto at = lower.find(name);
    const std::size_t length = at == std::string::npos ? 0 : std::stoul(lower.substr(at + name.size()));
    while (buffer_.size() < length && fill()) {}
    const std::size_t taken = std::min(length, buffer_.size());
    message += buffer_.substr(0, taken);
    buffer_.erase(0, taken);
    return message;
}

std::string RawSocket::read_to_end() {
    while (fill()) {}
    return std::exchange(buffer_, {});
}

void RawSocket::end_writing() { ::shutdown(fd_, SHUT_WR); }

void RawSocket::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

void RawSocket::reset() {
    const linger at_once{1, 0};
    require(::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0, "SO_LINGER");
    close();
}

}  // namespace drover::http::test
