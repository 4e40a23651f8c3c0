#include "gateway/queue_stream.h"

#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>

#include "gateway/core/job_json.h"
#include "gateway/queue_json.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr auto interval = 1s;
constexpr int keep_alive = 15;  // intervals without news; proxies close what is silent

class QueueStream final : public Waiting, public std::enable_shared_from_this<QueueStream> {
public:
    QueueStream(GatewayState& state, const Call& call, std::unique_ptr<http::BodyStream> body)
        : state_(state),
          who_(call.who),
          queue_(call.query.get("queue")),
          by_changes_(call.query.get("changes") == "true"),
          body_(std::move(body)),
          timer_(state.io) {}

    void start() {
        state_.waiting.insert(shared_from_this());
        body_->when_gone([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->end();
        });
        tell();
    }

    void finish() override { end(); }

private:
    void tell() {
        const std::string news = next_event();
        quiet_ = news.empty() ? quiet_ + 1 : 0;
        bool is_read = true;
        if (!news.empty()) is_read = body_->write(news);
        if (quiet_ == keep_alive) {
            quiet_ = 0;
            is_read = body_->write(": still here\n\n");
        }
        if (!is_read) return end();
        timer_.expires_after(interval);
        timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            const auto self = weak.lock();
            if (!error && self && self->body_) self->tell();
        });
    }

    // "": nothing has changed.
    std::string next_event() {
        ordered_json json = queues_json(state_, who_, state_.counts);
        std::map<std::string, std::string> now;
        ordered_json shown = ordered_json::array(), changed = ordered_json::array(), gone = ordered_json::array();
        for (ordered_json& each : json["queues"]) {
            const std::string name = each["name"];
            if (!queue_.empty() && name != queue_) continue;
            std::string text = to_text(each);
            const auto before = last_.find(name);
            if (before == last_.end() || before->second != text) changed.push_back(each);
            shown.push_back(std::move(each));
            now.emplace(name, std::move(text));
        }
        for (const auto& [name, text] : last_) {
            if (!now.contains(name)) gone.push_back(name);
        }
        last_ = std::move(now);
        const bool is_first = std::exchange(is_first_, false);
        if (!is_first && changed.empty() && gone.empty()) return "";
        ordered_json data{{"at", format_rfc3339(state_.now())}};
        const bool whole = is_first || !by_changes_;
        data["queues"] = whole ? std::move(shown) : std::move(changed);
        if (!whole) data["gone"] = std::move(gone);
        data["summary"] = std::move(json["summary"]);
        return (whole ? "event: queues\ndata: " : "event: changes\ndata: ") + to_text(data) + "\n\n";
    }

    void end() {
        const auto self = shared_from_this();
        state_.waiting.erase(self);
        timer_.cancel();
        body_.reset();
    }

    GatewayState& state_;
    const AccessToken who_;
    const std::string queue_;
    const bool by_changes_;
    std::unique_ptr<http::BodyStream> body_;
    boost::asio::steady_timer timer_;
    std::map<std::string, std::string> last_;  // what was told, by queue
    bool is_first_ = true;
    int quiet_ = 0;
};

}  // namespace

void stream_queues(GatewayState& state, const SharedCall& call) {
    call->reply({200,
                 {{"content-type", "text/event-stream"}, {"cache-control", "no-store"}},
                 {},
                 [&state, call](std::unique_ptr<http::BodyStream> body) {
                     std::make_shared<QueueStream>(state, *call, std::move(body))->start();
                 }});
}

}  // namespace drover::gateway
