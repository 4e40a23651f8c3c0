#include "sidecar/control_reader.h"

#include "src/telemetry/log.h"

namespace drover::sidecar {
namespace {

constexpr std::size_t most_at_once = 1000;

}  // namespace

ControlReader::ControlReader(kafka::Fetcher& fetcher, std::string topic, kafka::Fetcher::Id id)
    : log_(fetcher), id_(id), topic_(std::move(topic)) {
    if (const Result<void> started = log_.start(id_, {topic_, 0}); !started) trouble_ = started.error().message;
}

ControlReader::News ControlReader::take(Time now) {
    News news;
    bool more = true;
    while (more) {
        records_.clear();
        more = log_.take(id_, most_at_once, records_);
        if (!records_.empty()) trouble_.clear();
        for (const kafka::Record& record : records_) {
            const auto parsed = jobqueue::parse_control(record.key(), record.value());
            if (!parsed) {
                log::warn("a record of the control topic says nothing that can be understood",
                          {{"topic", topic_}, {"offset", record.offset()}, {"error", parsed.error().message}});
                continue;
            }
            if (const auto* usage = std::get_if<jobqueue::control::Usage>(&*parsed)) {
                news.usages.push_back(*usage);
                news.usages.back().at = record.timestamp();
            } else if (auto change = state_.apply(*parsed, now)) {
                news.changes.push_back(std::move(*change));
            }
        }
    }
    records_.clear();
    if (log_.caught_up()) trouble_.clear();
    for (const Error& error : log_.troubles()) {
        if (error.message != trouble_) {
            log::error("the control topic cannot be read, trying again: no job is handed over before it is",
                       {{"topic", topic_}, {"error", error.message}});
        }
        trouble_ = error.message;
    }
    return news;
}

}  // namespace drover::sidecar
