// A blocking TCP socket for tests, which speak as badly as they like. What waits for a minute fails the test, and goes
// on as at an end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace drover::http::test {

class RawSocket {
public:
    RawSocket() = default;
    // Nothing waits any longer once `stop_fd` can be read.
    explicit RawSocket(int fd, int stop_fd = -1);
    static RawSocket connect(std::uint16_t port);
    // Bound to that port of 127.0.0.1; by default to a free one, as when that port is taken.
    static RawSocket bound(std::uint16_t port = 0);
    ~RawSocket();
    RawSocket(RawSocket&& other) noexcept;
    RawSocket& operator=(RawSocket&& other) noexcept;

    int fd() const { return fd_; }
    std::uint16_t port() const;  // its own

    // False when the other side is gone.
    bool write(std::string_view bytes);
    // One head with the body that its Content-Length names; "" at the end.
    std::string read_message();
    // Up to and with `end`; less at the end of the stream.
    std::string read_through(std::string_view end);
    std::string read_to_end();

    void end_writing();
    void close();
    void reset();  // closes with RST

private:
    bool await(short event) const;
    bool fill();

    int fd_ = -1;
    int stop_fd_ = -1;
    std::string buffer_;
};

}  // namespace drover::http::test
