// The worker under every measurement: answers each POST at once, on one epoll thread, and counts. It exists to cost as
// little as can be; it understands no more of HTTP than our own client and server send.
//
//   POST          a job, or a batch of them (a JSON array): all are done
//   GET /stats    one JSON line: jobs, repeated ones, those out of their key's order, requests that the sidecar
//                 refused, first and last receipt (µs since the epoch). Cheap: it is polled
//   GET /latency  one JSON line: quantiles of the time from production to receipt. Sorts: for when the load is over
//   GET /reset    forgets all of it
//   GET /pull/PORT/CONNECTIONS/MAX  from now on asks the sidecar at that port for jobs, see puller.h
#include "bench/commands.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bench/counts.h"
#include "bench/puller.h"

namespace drover::bench {
namespace {

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

class Worker {
public:
    explicit Worker(int listener) : listener_(listener) { watch(listener); }

    [[noreturn]] void run() {
        epoll_event events[256];
        for (;;) {
            const int ready = epoll_wait(poller_, events, 256, -1);
            for (int i = 0; i < ready; ++i) {
                if (events[i].data.fd == listener_) {
                    accept_all();
                } else {
                    read_from(events[i].data.fd);
                }
            }
        }
    }

private:
    void watch(int fd) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
        epoll_ctl(poller_, EPOLL_CTL_ADD, fd, &event);
        unread_[fd].clear();
    }

    void accept_all() {
        const int one = 1;
        for (int accepted; (accepted = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
            setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            watch(accepted);
        }
    }

    void read_from(int fd) {
        const ssize_t size = read(fd, buffer_.data(), buffer_.size());
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) {
            close(fd);
            unread_.erase(fd);
            puller_.forget(fd);
            return;
        }
        // Nearly always it is one message, and whole: then nothing is copied.
        std::string& rest = unread_[fd];
        const bool joined = !rest.empty();
        std::string_view text(buffer_.data(), static_cast<std::size_t>(size));
        if (joined) text = rest.append(text);
        while (const std::size_t used = handle_first(fd, text)) text.remove_prefix(used);
        if (joined) {
            rest.erase(0, rest.size() - text.size());
        } else {
            rest.assign(text);
        }
    }

    // The length of the message at the front; 0 where it is not whole yet.
    std::size_t handle_first(int fd, std::string_view text) {
        const auto end = text.find("\r\n\r\n");
        if (end == std::string_view::npos) return 0;
        const std::string_view head = text.substr(0, end + 2);
        const std::size_t length = content_length(head);
        if (text.size() < end + 4 + length) return 0;
        const std::string_view body = text.substr(end + 4, length);
        if (puller_.owns(fd)) {
            puller_.answered(fd, head, body);
        } else {
            serve(fd, head, body);
        }
        return end + 4 + length;
    }

    void serve(int fd, std::string_view head, std::string_view body) {
        int port = 0, connections = 0, max = 0;
        if (head.starts_with("GET /stats")) {
            answer(fd, counts_.totals());
        } else if (head.starts_with("GET /latency")) {
            answer(fd, counts_.quantiles());
        } else if (head.starts_with("GET /reset")) {
            counts_ = Counts();
            answer(fd, "{}");
        } else if (std::sscanf(head.data(), "GET /pull/%d/%d/%d ", &port, &connections, &max) == 3) {
            for (const int pulling : puller_.start(port, connections, max)) watch(pulling);
            answer(fd, "{}");
        } else if (body.starts_with('[')) {
            answer_batch(fd, body);
        } else {
            counts_.add(body);
            send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    }

    void answer_batch(int fd, std::string_view jobs) {
        results_ = "{\"results\":[";
        while (const auto item = next_item(jobs)) {
            counts_.add(item->payload);
            if (results_.back() == '}') results_ += ',';
            results_.append("{\"id\":\"").append(item->id).append("\",\"outcome\":\"done\"}");
        }
        answer(fd, results_ += "]}");
    }

    const int listener_, poller_ = epoll_create1(0);
    std::unordered_map<int, std::string> unread_;  // of each connection
    std::vector<char> buffer_ = std::vector<char>(1 << 18);
    std::string results_;
    Counts counts_;
    Puller puller_{counts_};
};

}  // namespace

int worker(int port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 1024) != 0) {
        std::perror("bind");
        return 1;
    }
    Worker(listener).run();
}

}  // namespace drover::bench
