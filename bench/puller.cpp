#include "bench/puller.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <utility>

namespace drover::bench {
namespace {

void post(int fd, const std::string& path, std::string_view headers, std::string_view body) {
    std::string request = "POST " + path + " HTTP/1.1\r\nHost: sidecar\r\n";
    request.append(headers).append("Content-Length: ").append(std::to_string(body.size()));
    request.append("\r\n\r\n").append(body);
    if (write(fd, request.data(), request.size()) < 0) std::perror("write");
}

}  // namespace

std::vector<int> Puller::start(int port, int connections, int max) {
    max_ = max;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::vector<int> started;
    for (const int one = 1; connections > 0; --connections) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            std::perror("connect");
            close(fd);
            continue;
        }
        jobs_[fd].clear();
        started.push_back(fd);
        ask(fd);
    }
    return started;
}

void Puller::answered(int fd, std::string_view head, std::string_view body) {
    if (!head.starts_with("HTTP/1.1 200")) ++counts_.refused;
    std::vector<Job>& jobs = jobs_.at(fd);
    if (!jobs.empty()) {
        jobs.pop_back();
    } else {
        if (body.find("\"drain\":true") != std::string_view::npos) return;
        while (const auto item = next_item(body)) {
            counts_.add(item->payload);
            jobs.push_back({std::string(item->id), std::string(item->lease)});
        }
    }
    ask(fd);
}

void Puller::ask(int fd) {
    const std::vector<Job>& jobs = jobs_.at(fd);
    if (jobs.empty()) {
        post(fd, "/v1/lease", "content-type: application/json\r\n",
             "{\"max\":" + std::to_string(max_) + ",\"wait\":\"10s\"}");
    } else {
        post(fd, "/v1/jobs/" + jobs.back().id + "/complete", "drover-lease: " + jobs.back().lease + "\r\n", "");
    }
}

}  // namespace drover::bench
