#include "src/redrive/letter_reader.h"

#include <algorithm>

#include <poll.h>

namespace drover::redrive {

Result<std::unique_ptr<LetterReader>> LetterReader::open(const kafka::Settings& settings, const std::string& group,
                                                         const std::string& topic, const Offsets& from,
                                                         const Offsets& ends) {
    std::unique_ptr<LetterReader> reader(new LetterReader(ends));
    auto fetcher = kafka::Fetcher::create(
        settings, {.expected_partitions = std::max(1, static_cast<int>(ends.size())), .group = group}, reader->wakeup_);
    if (!fetcher) return tl::unexpected(fetcher.error());
    reader->fetcher_ = std::move(*fetcher);
    reader->log_ = std::make_unique<kafka::LogReader>(*reader->fetcher_);
    for (const auto& [partition, end] : ends) {
        const auto begin = from.find(partition);
        const std::int64_t first = begin == from.end() ? kafka::Fetcher::earliest : begin->second;
        if (end <= std::max<std::int64_t>(first, 0)) continue;
        const auto id = static_cast<kafka::Fetcher::Id>(partition);
        if (Result<void> started = reader->log_->start(id, {topic, partition}, first); !started)
            return tl::unexpected(started.error());
        reader->partitions_.emplace(id, partition);
    }
    return reader;
}

LetterReader::~LetterReader() {
    records_.clear();
    log_.reset();
}

void LetterReader::serve() { fetcher_->serve(); }

Result<void> LetterReader::read_on(std::size_t max, std::chrono::milliseconds longest) {
    wakeup_.clear();
    serve();
    read_some(max);
    if (records_.empty() && !partitions_.empty() && longest.count() > 0) {
        pollfd readable{.fd = wakeup_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, static_cast<int>(longest.count()));
        wakeup_.clear();
        serve();
        read_some(max);
    }
    for (const Error& error : log_->troubles()) {
        const bool is_final = error.code == Error::Code::not_found || error.code == Error::Code::unauthorized ||
                              error.code == Error::Code::invalid;
        if (is_final) return tl::unexpected(error);  // with all else librdkafka goes on by itself
    }
    return {};
}

void LetterReader::read_some(std::size_t max) {
    std::vector<kafka::Fetcher::Id> ready;
    fetcher_->ready(ready);  // what is asked below anyway
    const std::size_t share = std::max<std::size_t>(1, max / std::max<std::size_t>(1, partitions_.size()));
    std::erase_if(partitions_, [&](const auto& each) {
        log_->take(each.first, share, records_);
        if (log_->position(each.first) < ends_.at(each.second)) return false;
        log_->stop(each.first);
        return true;
    });
}

}  // namespace drover::redrive
