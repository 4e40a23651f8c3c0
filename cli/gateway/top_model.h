// What `drover top` shows and what its keys do. Pure. Room: cli.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/gateway/answers.h"
#include "cli/gateway/keys.h"
#include "cli/gateway/tables.h"
#include "src/base/result.h"

namespace drover::cli {

class TopModel {
public:
    struct Wish {  // what a key asks for
        enum class Kind { nothing, quit, look, pause, resume };
        Kind kind = Kind::nothing;
        std::string queue;
        bool operator==(const Wish&) const = default;
    };

    explicit TopModel(std::string gateway) : gateway_(std::move(gateway)) {}

    void on_queues(const Json& answer, Time now);  // of GET /v1/queues
    void on_trouble(const Error& error);           // the gateway is away: what was seen last stays
    void on_done(const std::string& message) { message_ = message; }
    // `height` of the screen, by which a page is known.
    Wish on_key(const Key& key, int height);

    // At most `height` lines, for a screen of `view.width`; total for any size.
    std::vector<std::string> render(const View& view, int height);

    const std::string& selected() const { return selected_; }

private:
    const QueueAnswer* selected_queue() const;
    void move(std::ptrdiff_t rows);
    std::vector<Line> head(const View& view) const;
    std::vector<Line> detail(const View& view) const;

    std::string gateway_;
    std::vector<QueueAnswer> queues_;
    std::map<std::string, std::deque<std::int64_t>> backlogs_;  // of the last looks, by queue
    std::optional<Time> seen_;
    std::string trouble_, message_;
    std::string selected_;   // a queue's name
    std::size_t first_ = 0;  // row that is shown
};

// "▁▂▅█", a block for each value, the newest at the right; at most `width` of them.
std::string sparkline(const std::deque<std::int64_t>& values, int width);

}  // namespace drover::cli
