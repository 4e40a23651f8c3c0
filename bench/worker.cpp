// The worker under every measurement: answers each POST at once, on one epoll thread, and counts. It exists to cost as
// little as can be; it understands no more of HTTP than our own client sends.
//
//   drover_bench worker PORT
//   GET /stats    one JSON line: jobs, repeated ones, first and last receipt (µs since the epoch). Cheap: it is polled
//   GET /latency  one JSON line: quantiles of the time from production to receipt. Sorts: for when the load is over
//   GET /reset    forgets all of it
//
// A payload begins with its job's number and its time of production, both decimal: "17 1700000000000000 …".
#include "bench/commands.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace drover::bench {
namespace {

std::int64_t now_micros() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

struct Counts {
    std::uint64_t jobs = 0, repeated = 0;
    std::int64_t first = 0, last = 0;
    std::vector<bool> seen;
    std::vector<float> latencies;  // ms

    void add(std::string_view payload) {
        last = now_micros();
        if (first == 0) first = last;
        ++jobs;
        char* rest = nullptr;
        const std::uint64_t number = std::strtoull(payload.data(), &rest, 10);
        const std::int64_t produced = std::strtoll(rest, nullptr, 10);
        if (number < 100'000'000) {
            if (number >= seen.size()) seen.resize(number + 1'000'000);
            if (seen[number]) ++repeated;
            seen[number] = true;
        }
        if (produced > 0 && latencies.size() < 2'000'000)
            latencies.push_back(static_cast<float>(last - produced) / 1000);
    }
    std::string totals() const {
        char line[256];
        std::snprintf(line, sizeof line, "{\"jobs\":%llu,\"repeated\":%llu,\"first_us\":%lld,\"last_us\":%lld}\n",
                      static_cast<unsigned long long>(jobs), static_cast<unsigned long long>(repeated),
                      static_cast<long long>(first), static_cast<long long>(last));
        return line;
    }
    std::string quantiles() const {
        std::vector<float> sorted = latencies;
        std::ranges::sort(sorted);
        const auto at = [&](double q) {
            return sorted.empty() ? 0.0 : sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
        };
        char line[64];
        std::snprintf(line, sizeof line, "{\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n", at(0.5), at(0.99));
        return line;
    }
};

void send_all(int fd, std::string_view bytes) {
    if (write(fd, bytes.data(), bytes.size()) < 0) std::perror("write");
}

void answer(int fd, std::string_view body) {
    char head[128];
    const int length = std::snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.size());
    std::string all(head, static_cast<std::size_t>(length));
    all += body;
    send_all(fd, all);
}

std::size_t content_length(std::string_view head) {
    for (std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
        if (const auto at = head.find(name); at != std::string_view::npos) {
            return std::strtoull(head.data() + at + name.size(), nullptr, 10);
        }
    }
    return 0;
}

}  // namespace

int worker(int port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 1024) != 0) {
        std::perror("bind");
        return 1;
    }
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener}}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    std::unordered_map<int, std::string> received;
    std::vector<char> buffer(1 << 18);
    Counts counts;
    for (;;) {
        const int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; ++i) {
            const int fd = events[i].data.fd;
            if (fd == listener) {
                for (int accepted; (accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
                    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event.data.fd = accepted;
                    epoll_ctl(poller, EPOLL_CTL_ADD, accepted, &event);
                    received[accepted].clear();
                }
                continue;
            }
            const ssize_t size = read(fd, buffer.data(), buffer.size());
            if (size < 0 && errno == EAGAIN) continue;
            if (size <= 0) {
                close(fd);
                received.erase(fd);
                continue;
            }
            // Nearly always it is one request, and whole: then nothing is copied.
            std::string& rest = received[fd];
            const std::string_view read_now(buffer.data(), static_cast<std::size_t>(size));
            std::string joined;
            if (!rest.empty()) joined = std::move(rest) + std::string(read_now);
            std::string_view text = joined.empty() ? read_now : std::string_view(joined);
            for (;;) {
                const auto end = text.find("\r\n\r\n");
                if (end == std::string_view::npos) break;
                const std::string_view head = text.substr(0, end + 2);
                const std::size_t length = content_length(head);
                if (text.size() < end + 4 + length) break;
                if (head.starts_with("GET /stats")) {
                    answer(fd, counts.totals());
                } else if (head.starts_with("GET /latency")) {
                    answer(fd, counts.quantiles());
                } else if (head.starts_with("GET /reset")) {
                    counts = Counts();
                    answer(fd, "{}");
                } else {
                    counts.add(text.substr(end + 4, length));
                    send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
                text.remove_prefix(end + 4 + length);
            }
            rest.assign(text);
        }
    }
}

}  // namespace drover::bench
