// The dead letters of a topic, taken as they are wanted: whoever works them off slowly keeps little in memory.
// Room: redrive. Owner thread: one. Only take() blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/kafka/log_reader.h"
#include "src/kafka/settings.h"
#include "src/letters/dead_letter.h"

namespace drover::redrive {

class LetterReader {
public:
    // Per partition the first offset and the one after the last; what has been deleted of it is passed over. Where
    // `from` has no entry: from the beginning.
    using Offsets = std::map<int, std::int64_t>;

    static Result<std::unique_ptr<LetterReader>> open(const kafka::Settings& settings, const std::string& group,
                                                      const std::string& topic, const Offsets& from,
                                                      const Offsets& ends);
    ~LetterReader();
    LetterReader(const LetterReader&) = delete;
    LetterReader& operator=(const LetterReader&) = delete;

    // Calls `each` for at most about `max` letters, those of a partition in order and of all partitions in turn. Where
    // there are none yet, waits for at most `longest`. Call it, or serve(), at least once a second.
    template <class Each>
    Result<void> take(std::size_t max, std::chrono::milliseconds longest, Each each) {
        if (Result<void> read = read_on(max, longest); !read) return read;
        std::vector<FieldView> fields;
        for (const kafka::Record& record : records_) {
            if (record.offset() >= ends_.at(record.partition())) continue;
            record.headers(fields);
            each(letters::LetterRecord{.topic = record.topic(),
                                       .partition = record.partition(),
                                       .offset = record.offset(),
                                       .timestamp = record.timestamp(),
                                       .key = record.key(),
                                       .value = record.value(),
                                       .fields = fields});
        }
        records_.clear();
        return {};
    }
    void serve();
    bool at_end() const { return partitions_.empty(); }

private:
    explicit LetterReader(Offsets ends) : ends_(std::move(ends)) {}
    Result<void> read_on(std::size_t max, std::chrono::milliseconds longest);
    void read_some(std::size_t max);

    const Offsets ends_;
    kafka::Wakeup wakeup_;
    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::unique_ptr<kafka::LogReader> log_;
    std::map<kafka::Fetcher::Id, int> partitions_;  // that are not at their end
    std::vector<kafka::Record> records_;
};

}  // namespace drover::redrive
