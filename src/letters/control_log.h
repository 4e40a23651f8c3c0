// What the records of a queue's control topic add up to, for whoever asks about dead letters. Pure. Room: letters.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "src/letters/dead_letter.h"
#include "src/jobqueue/control.h"

namespace drover::letters {

class ControlLog {
public:
    explicit ControlLog(std::string dead_letter_topic) : dead_letter_topic_(std::move(dead_letter_topic)) {}

    void add(std::optional<std::string_view> key, std::optional<std::string_view> value, Time now);

    const jobqueue::ControlState& state() const { return state_; }
    const RedrivenMark* redriven(LetterPlace place) const;  // null: it was not
    // "" where every record could be read; else how many could not, and the first one's problem.
    std::string complaint() const;

private:
    std::string dead_letter_topic_;
    jobqueue::ControlState state_;
    std::map<LetterPlace, RedrivenMark> redriven_;
    std::size_t unreadable_ = 0;
    std::string first_problem_;
};

}  // namespace drover::letters
